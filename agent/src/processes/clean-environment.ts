export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface CleanEnvironment {
  readonly path: string;
  readonly home: string;
}

/** What every child begins with: nothing of the agent's own environment but where programs lie. */
export function cleanEnvironment({ path, home }: CleanEnvironment, added: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: path, LANG: 'C.UTF-8', HOME: home, ...added };
}
