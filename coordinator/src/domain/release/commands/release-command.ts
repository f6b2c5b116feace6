/** What is asked of nodes by name; what it is, their releases say. */
export interface ReleaseCommand {
  readonly name: string;
  /** As they are typed. */
  readonly arguments: readonly string[];
}
