import { z } from '@wombat/plugin-sdk';
import { pinPattern } from './host-key.js';
import { readAddress } from './address.js';

const userName = z.string().regex(/^[A-Za-z0-9._$@-]{1,64}$/, 'is no name of a user');
const port = z.int().min(1).max(65_535);
const path = z.string().regex(/^\/[^\0]*$/, 'is no absolute path');
const place = z.string().regex(/^[A-Za-z0-9._-]{1,100}$/, 'is 1-100 characters of letters, digits, ., _ and -');
const address = z.string().regex(/^[A-Za-z0-9.:_%-]{1,255}$/, 'is no address');
const pin = z.string().regex(pinPattern, 'is no host key (ssh-ed25519 AAAA...) and no fingerprint (SHA256:...)');
/** As the script that installs the agent takes them. */
const labels = z.record(z.string().regex(/^[a-z0-9_.-]{1,120}$/, 'a label is named by a-z, 0-9, _, . and -'), z.string().regex(/^[A-Za-z0-9_.:/=@%+~[\]-]{1,256}$/, 'has a character that it cannot have'));

const spelled = z.strictObject({
  address: address.describe('where its sshd listens'),
  name: z.string().regex(/^[A-Za-z0-9._:-]{1,100}$/, 'is 1-100 characters of letters, digits, ., _, : and -').optional(),
  port: port.optional(),
  user: userName.optional(),
  hostKey: z.union([pin, z.array(pin).min(1).max(16)]).optional(),
  internalAddress: address.optional(),
  region: place.optional(),
  zone: place.optional(),
  labels: labels.default({}),
});

/** One machine of an inventory, spelled out or as `[USER@]ADDRESS[:PORT]`. */
const listed = z.preprocess((value, context) => {
  if (typeof value !== 'string') return value;
  const read = readAddress(value);
  if (read) return read;
  context.addIssue({ code: 'custom', message: `${JSON.stringify(value.slice(0, 80))} is not of the form [USER@]ADDRESS[:PORT]` });
  return z.NEVER;
}, spelled);

export const machineList = z.array(listed).max(2_000);

export type ListedMachine = z.output<typeof spelled>;

/** What a provider of this driver is registered with. */
export const sshSettings = z.object({
  machines: machineList.default([]).describe('the machines: [USER@]ADDRESS[:PORT] with commas between, or a JSON list of objects'),
  inventory: path.optional().describe('a YAML or JSON file with such a list, read again at each call'),
  user: userName.default('root').describe('who logs in, where the machine does not say'),
  port: port.default(22).describe('of sshd, where the machine does not say'),
  privateKey: z.secret().min(1).optional().describe('private key of the user, in OpenSSH or PEM form'),
  privateKeyFile: path.optional().describe('file with the private key, read at each connection'),
  passphrase: z.secret().min(1).optional().describe('of the private key'),
  agentSocket: path.optional().describe('socket of an ssh-agent; default, where no key is given: SSH_AUTH_SOCK of the coordinator\'s environment'),
  knownHosts: path.optional().describe('a known_hosts file with the host keys of the machines that name none'),
  scope: z.enum(['system', 'home']).default('system').describe('system: installed for the whole machine, as root; home: below the home of the user, without root'),
  sudo: z.boolean().default(false).describe('the user becomes root by sudo'),
  sudoPassword: z.secret().min(1).optional().describe('what sudo asks the user for'),
  asRoot: z.boolean().default(false).describe('the agent runs as root, so that nodes can run as users of their own'),
}).superRefine(({ scope, sudo, sudoPassword, asRoot, privateKey, privateKeyFile }, context) => {
  const refuse = (name: string, message: string): void => context.addIssue({ code: 'custom', path: [name], message });
  if (scope === 'home' && sudo) refuse('sudo', 'the scope home needs no root');
  if (scope === 'home' && asRoot) refuse('asRoot', 'the scope home has no root');
  if (sudoPassword !== undefined && !sudo) refuse('sudoPassword', 'is of use with sudo=true only');
  if (privateKey !== undefined && privateKeyFile !== undefined) refuse('privateKeyFile', 'privateKey is given, too: one of them');
});

export type SshSettings = z.output<typeof sshSettings>;
