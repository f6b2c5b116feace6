/** Takes secrets out of text: drivers may quote what a provider answered. */
export class Redaction {
  readonly #secrets: readonly string[];

  constructor(secrets: readonly string[]) {
    // Longest first: one secret may be the beginning of another. Shorter than this is no secret.
    const all = secrets.filter((secret) => secret.length >= 3).flatMap(written);
    this.#secrets = [...new Set(all)].sort((left, right) => right.length - left.length);
  }

  /** Of the settings that are secret. */
  static of(settings: Readonly<Record<string, unknown>>, secretNames: readonly string[]): Redaction {
    return new Redaction(secretNames.map((name) => settings[name]).filter((value) => typeof value === 'string'));
  }

  clean(text: string): string {
    return this.#secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
  }
}

/** As it is, and as it stands in JSON, in an address, in a header and in a dump. */
function written(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const encoded = (['base64', 'base64url', 'hex'] as const).map((encoding) => bytes.toString(encoding).replace(/=+$/, ''));
  // Logs are written line by line: a key of many lines is hidden in each of them.
  const lines = secret.split(/[\r\n]+/).filter((line) => line.length >= 16);
  return [secret, ...lines, JSON.stringify(secret).slice(1, -1), encodeURIComponent(bytes.toString()), ...encoded];
}
