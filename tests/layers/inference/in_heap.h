/* Compiled in front of each kernel file for a sanitizer: scratch and reserves from the heap, whose ends it watches. */
#include <stdlib.h>
#include <sys/mman.h>

#define mmap(address, length, protection, flags, file, offset) malloc(length)
#define munmap(address, length) free(address)
#define madvise(address, length, advice) ((void)(length))
