/** The command was typed wrongly: exit 2, with the usage of the command. Light on purpose: it is loaded at every start. */
export class UsageError extends Error {
  /** What to do about it, when the usage line does not say it. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'UsageError';
    this.hint = hint;
  }
}
