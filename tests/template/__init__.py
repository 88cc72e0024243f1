"""The stack, translated by SAM's own translator and evaluated as CloudFormation would: no account is needed."""
