// Why a request was not answered with a picture, as a sentence for people.

export class Refusal extends Error {
  constructor(sentence, { status = 0, code = "", retryAfterS = null } = {}) {
    super(sentence);
    Object.assign(this, { status, code, retryAfterS });
  }

  // Come again: too many at once, or a service behind it that is busy. A gateway's own 503 says no time: we choose one.
  get passes() {
    return this.status === 429 || this.status === 503;
  }
}

const SENTENCES = {
  0: "The service could not be reached. Is the connection up?",
  403: "The service does not let this request in.",
  413: "The picture is too large for one request.",
  429: "Too many requests at once.",
  502: "The service failed on the way. Trying again may help.",
  503: "The service is busy.",
  504: "The service did not answer in time. Trying again may help: it is awake now.",
};

// The error document has a sentence for each thing that is wrong; a gateway before the service has its own forms.
export function refusalOf({ status, text, header }) {
  let document = {};
  try {
    document = JSON.parse(text) ?? {};
  } catch {
    // A gateway's page in HTML says nothing that a person wants to read.
  }
  const errors = Array.isArray(document.errors) ? document.errors : [];
  const ours = errors.map((one) => one.detail || one.title).filter(Boolean).join(" ");
  const words = ours || SENTENCES[status] || `The service answered with ${status} and no explanation.`;
  const retryAfterS = Number.parseInt(header("Retry-After"), 10);
  return new Refusal(words, {
    status,
    code: errors[0]?.code ?? "",
    retryAfterS: Number.isFinite(retryAfterS) ? retryAfterS : null,
  });
}
