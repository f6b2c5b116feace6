import { z } from '@wombat/plugin-sdk';

const reference = z.string().min(1).max(255);
// What Nova takes as metadata; the names of Wombat's own tags are not for settings.
const metadataName = z.string().regex(/^(?!wombat-)[a-zA-Z0-9_:. -]{1,255}$/, 'a name of metadata is 1-255 of letters, digits and _:.- and does not begin with wombat-');

export const settingsShape = z.object({
  authUrl: z.url({ protocol: /^https?$/, error: 'is no address such as https://cloud.example.org:5000/v3' })
    .refine((text) => !text.includes('@'), 'holds a name or a password: they have settings of their own')
    .describe('address of Keystone, e.g. https://cloud.example.org:5000/v3'),
  applicationCredentialId: reference.optional().describe('id of an application credential'),
  applicationCredentialSecret: z.secret().min(1).max(1_024).optional().describe('secret of the application credential'),
  userName: reference.optional().describe('user who logs in with a password'),
  userDomainName: reference.default('Default').describe('domain of the user'),
  password: z.secret().min(1).max(1_024).optional().describe('password of the user'),
  projectName: reference.optional().describe('project that the user logs in to; an application credential has its own'),
  projectDomainName: reference.default('Default').describe('domain of the project'),
  region: reference.optional().describe('region of the cloud; needed where there are several'),
  interface: z.enum(['public', 'internal']).default('public').describe('which of the cloud\'s endpoints are called'),
  networks: z.array(reference).max(16).default([]).describe('names or ids of the networks that hosts are attached to; none: the project has one, and it is taken'),
  availabilityZone: reference.optional().describe('zone of hosts for which none is asked'),
  keyPair: reference.optional().describe('name of a key pair that opens the hosts to ssh'),
  configDrive: z.boolean().default(true).describe('whether hosts get their user-data on a drive, too'),
  metadata: z.record(metadataName, z.string().max(255)).default({}).describe('metadata of all servers, as a JSON object'),
});

/** How to log in is said once and wholly. */
export const settingsSchema = settingsShape.check(({ value, issues }) => {
  const message = loginFault(value);
  if (message !== undefined) issues.push({ code: 'custom', path: [], message, input: undefined });
});

export type Settings = z.output<typeof settingsShape>;

function loginFault(settings: Settings): string | undefined {
  const credential = [settings.applicationCredentialId, settings.applicationCredentialSecret];
  const password = [settings.userName, settings.password, settings.projectName];
  const given = (values: readonly (string | undefined)[]): number => values.filter((value) => value !== undefined).length;
  if (given(credential) === credential.length && given(password) === 0) return undefined;
  if (given(password) === password.length && given(credential) === 0) return undefined;
  return 'give either applicationCredentialId and applicationCredentialSecret, or userName, password and projectName';
}

/** What may be in no message. */
export function secretsOf({ password, applicationCredentialSecret }: Settings): readonly string[] {
  return [password, applicationCredentialSecret].filter((value) => value !== undefined);
}
