/** Takes secrets out of text: drivers may quote what a provider answered. */
export class Redaction {
  readonly #secrets: readonly string[];

  constructor(secrets: readonly string[]) {
    // Longest first: one secret may be the beginning of another. Shorter than this is no secret.
    this.#secrets = secrets.filter((secret) => secret.length >= 3).sort((left, right) => right.length - left.length);
  }

  /** Of the settings that are secret. */
  static of(settings: Readonly<Record<string, unknown>>, secretNames: readonly string[]): Redaction {
    return new Redaction(secretNames.map((name) => settings[name]).filter((value) => typeof value === 'string'));
  }

  clean(text: string): string {
    return this.#secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
  }
}
