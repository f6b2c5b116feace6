import { status } from '@grpc/grpc-js';

/** Exit codes of `wo`. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  unauthorised: 4,
  notFound: 5,
  stillRunning: 6,
  unreachable: 7,
  conflict: 8,
  planHasChanges: 10,
  interrupted: 130,
} as const;

export interface CatalogueEntry {
  readonly grpc: status;
  readonly exit: number;
  /** What it means, one sentence for the reference page. */
  readonly meaning: string;
  /** What to do about it. */
  readonly hint: string;
}

const { failed, usage, unauthorised, notFound, stillRunning, unreachable, conflict } = exitCodes;
const entry = (grpc: status, exit: number, meaning: string, hint: string): CatalogueEntry => ({ grpc, exit, meaning, hint });

/** Every error code of Wombat. docs/reference/errors.md is generated from it. */
export const catalogue = {
  // General
  WO_INTERNAL: entry(status.INTERNAL, failed, 'Something broke that Wombat did not foresee.', 'look at the log of the coordinator, and report it'),
  WO_UNAVAILABLE: entry(status.UNAVAILABLE, unreachable, 'The other end is stopping or overloaded.', 'try again in a moment'),
  WO_COORDINATOR_UNREACHABLE: entry(status.UNAVAILABLE, unreachable, 'The coordinator does not answer.', 'check that it runs and that the context names its address: wo context list'),
  WO_DEADLINE_EXCEEDED: entry(status.DEADLINE_EXCEEDED, stillRunning, 'It took longer than the time given.', 'look at what it waits for: wo status'),
  WO_CANCELLED: entry(status.CANCELLED, failed, 'It was cancelled.', 'ask for it again if that was not wanted'),
  WO_UNAUTHENTICATED: entry(status.UNAUTHENTICATED, unauthorised, 'The call carries no identity that the coordinator knows.', 'check the token of the context: wo context list'),
  WO_PERMISSION_DENIED: entry(status.PERMISSION_DENIED, unauthorised, 'The identity may not do this.', 'ask an administrator for the permission'),
  WO_LAST_ADMIN: entry(status.FAILED_PRECONDITION, usage, 'It is the last token that may do everything.', 'make another one first: wo operator create NAME --role admin'),
  WO_METHOD_UNKNOWN: entry(status.UNIMPLEMENTED, usage, 'The coordinator has no such method.', 'compare the versions: wo version'),
  WO_INVALID_ARGUMENT: entry(status.INVALID_ARGUMENT, usage, 'An argument is not of the form asked for.', 'see the help of the command'),
  WO_EXPRESSION_INVALID: entry(status.INVALID_ARGUMENT, usage, 'An expression is not of the grammar; the message names the column.', 'see docs/reference/expressions.md'),
  WO_COMMAND_UNKNOWN: entry(status.NOT_FOUND, notFound, 'The release of a node does not offer the command that it was asked to run.', 'see what it offers: wo run FAMILY --help'),
  WO_COMMAND_ARGUMENTS: entry(status.INVALID_ARGUMENT, usage, 'A command of a release was given arguments that it does not take.', 'see what it takes: wo run FAMILY COMMAND --help'),
  WO_NO_TARGETS: entry(status.NOT_FOUND, notFound, 'An expression holds for no node, or for no host: the command was sent to nobody.', 'ask for its parts alone: wo match EXPRESSION'),
  WO_NAME_INVALID: entry(status.INVALID_ARGUMENT, usage, 'A name is not 1-64 printable characters, or looks like an id.', 'choose another name'),
  WO_NAME_TAKEN: entry(status.ALREADY_EXISTS, conflict, 'An object of this kind has this name already.', 'choose another name, or use the one that is there'),
  WO_NOT_FOUND: entry(status.NOT_FOUND, notFound, 'No object has this id or name.', 'list what there is'),
  WO_AMBIGUOUS: entry(status.INVALID_ARGUMENT, usage, 'Several objects begin with this prefix.', 'give more characters of the id'),
  WO_CONFLICT: entry(status.ABORTED, conflict, 'The state has moved, or another operation holds the object.', 'look at the object again, then retry'),
  WO_REQUEST_ID_REUSED: entry(status.ALREADY_EXISTS, conflict, 'Another request was carried out under the same request id.', 'give each request an id of its own; only a retry repeats it'),
  WO_IN_USE: entry(status.FAILED_PRECONDITION, usage, 'Something still depends on it.', 'remove what uses it first'),
  WO_CONFIG_INVALID: entry(status.INVALID_ARGUMENT, usage, 'A configuration key is unknown or its value is not allowed.', 'see docs/reference/configuration.md'),
  WO_NO_CONTEXT: entry(status.INVALID_ARGUMENT, usage, 'Nothing says which coordinator to talk to.', 'start one here: wo dev; or name one: wo context add NAME --control HOST:PORT --token file:PATH'),
  WO_EVENTS_GONE: entry(status.OUT_OF_RANGE, failed, 'Events this old are no longer kept.', 'start from the oldest kept'),

  // Plugins and providers
  WO_PLUGIN_INVALID: entry(status.FAILED_PRECONDITION, failed, 'A plugin cannot be loaded.', 'see plugins/sdk/README.md, or take it out of `plugins` in the configuration'),
  WO_PLUGIN_UNAVAILABLE: entry(status.UNAVAILABLE, failed, 'The program of a plugin does not run, or does not answer in time.', 'see what is wrong with it: wo plugin show NAME; it is started again by itself'),
  WO_AGENT_PACKAGE_MISSING: entry(status.FAILED_PRECONDITION, failed, 'The coordinator has no package of the agent to give to machines.', 'make them on the machine of the coordinator: node scripts/package-agent.js; or name the directory that has them, agent.packages in the configuration'),
  WO_AGENT_UPDATE_FAILED: entry(status.FAILED_PRECONDITION, failed, 'An agent did not come to run another package; it runs on as it was.', 'the log of the agent on its machine says more; when it is mended: wo host update'),
  WO_DRIVER_UNKNOWN: entry(status.NOT_FOUND, usage, 'No plugin provides this driver.', 'see those there are: wo plugin list'),
  WO_STRATEGY_UNKNOWN: entry(status.NOT_FOUND, usage, 'No plugin provides this bootstrap strategy.', 'see those there are: wo plugin list'),
  WO_SELECTOR_UNKNOWN: entry(status.NOT_FOUND, usage, 'There is no such selector.', 'use random, oldest or all'),
  WO_SETTINGS_INVALID: entry(status.INVALID_ARGUMENT, usage, 'A setting does not fit the schema of the plugin.', 'see the settings: wo plugin show NAME'),
  WO_CREDENTIALS_UNEXPECTED: entry(status.INVALID_ARGUMENT, usage, 'The driver takes another number of credentials.', 'see the settings: wo plugin show NAME'),
  WO_PROVIDER_AUTH: entry(status.FAILED_PRECONDITION, failed, 'The provider refuses the credentials.', 'register the provider again with working credentials'),
  WO_PROVIDER_QUOTA: entry(status.RESOURCE_EXHAUSTED, failed, 'The quota at the provider is used up.', 'raise the quota, or add a domain elsewhere'),
  WO_PROVIDER_CAPACITY: entry(status.RESOURCE_EXHAUSTED, failed, 'The provider has no machine of this kind free.', 'try another zone or hardware profile'),
  WO_PROVIDER_THROTTLED: entry(status.UNAVAILABLE, failed, 'The provider asks to slow down.', 'it is tried again when the provider allows it'),
  WO_PROVIDER_INVALID: entry(status.INVALID_ARGUMENT, failed, 'The provider refuses a value.', 'correct the domain or the settings of the provider'),
  WO_PROVIDER_UNAVAILABLE: entry(status.UNAVAILABLE, failed, 'The provider does not answer as it should.', 'it is tried again; see wo provider verify NAME'),
  WO_HOST_NOT_ENROLLED: entry(status.DEADLINE_EXCEEDED, failed, 'The machine was created, but its agent did not report in time.', 'look at the console log of the machine, and at whether it reaches the coordinator'),
  WO_MACHINE_GONE: entry(status.NOT_FOUND, failed, 'The provider has no machine of the host any more.', 'remove its nodes and the host, and deploy others: wo node remove NODE, wo host remove HOST'),
  WO_HOST_UNREACHABLE: entry(status.UNAVAILABLE, failed, 'The agent of the host has no session.', 'see since when: wo host show HOST'),

  // Enrolment and identity
  WO_TOKEN_MALFORMED: entry(status.UNAUTHENTICATED, unauthorised, 'This is no join token.', 'create one: wo token create'),
  WO_TOKEN_REFUSED: entry(status.UNAUTHENTICATED, unauthorised, 'The join token is unknown, expired, revoked or used.', 'create another one: wo token create'),
  WO_CA_MISMATCH: entry(status.UNAUTHENTICATED, unauthorised, 'The coordinator presents another certificate authority than the one expected.', 'check the address; if the coordinator was set up anew, create a new token'),
  WO_CERTIFICATE_REFUSED: entry(status.UNAUTHENTICATED, unauthorised, 'The certificate is not one that the coordinator accepts.', 'enrol the host again'),
  WO_CSR_INVALID: entry(status.INVALID_ARGUMENT, failed, 'The certificate request is malformed or its key is not P-256.', 'use an agent of this version'),
  WO_RATE_LIMITED: entry(status.RESOURCE_EXHAUSTED, failed, 'Too many attempts.', 'wait, then try again'),
  WO_CLOCK_SKEW: entry(status.FAILED_PRECONDITION, failed, 'The clocks of two machines are more than 5 minutes apart, and certificates are judged by the clock.', 'set the clock that is wrong (NTP); it is tried again'),
  WO_VERSION_SKEW: entry(status.FAILED_PRECONDITION, failed, 'Agent and coordinator are too far apart in version.', 'upgrade the older of the two'),
  WO_DUPLICATE_IDENTITY: entry(status.ALREADY_EXISTS, failed, 'Another agent holds a session with the same identity.', 'was the disk of this host cloned? enrol one of the two again'),

  // Releases
  WO_ARTIFACT_CORRUPT: entry(status.DATA_LOSS, failed, 'The bytes do not have the sha256 they should.', 'upload the release again'),
  WO_ARTIFACT_TOO_LARGE: entry(status.INVALID_ARGUMENT, usage, 'The tarball is larger than allowed.', 'make it smaller than 2 GiB, 8 GiB unpacked'),
  WO_ARCHIVE_INVALID: entry(status.INVALID_ARGUMENT, usage, 'The file is no tarball, or is empty.', 'give a .tar, .tar.gz or .tgz file'),
  WO_ARCHIVE_REFUSED: entry(status.INVALID_ARGUMENT, usage, 'The tarball holds an entry that is not allowed.', 'allowed are regular files, directories, and links that stay inside'),
  WO_MANIFEST_INVALID: entry(status.INVALID_ARGUMENT, usage, 'The manifest does not say how to run the release, or says it wrongly.', 'see docs/reference/manifest.md'),
  WO_ARTIFACT_PLATFORM: entry(status.INVALID_ARGUMENT, usage, 'An artifact was built for another platform than was said, or two are for the same.', 'name platforms as OS/ARCH or OS/ARCH/LIBC, such as linux/arm64 or linux/x64/musl'),
  WO_ARTIFACTS_DIFFER: entry(status.INVALID_ARGUMENT, usage, 'The artifacts of a release do not hold the same release.', 'build them from the same sources, or upload a release for each'),
  WO_TEMPLATE_MISSING: entry(status.INVALID_ARGUMENT, usage, 'A template file is not in the release.', 'give its path inside the tarball'),
  WO_TEMPLATE_INVALID: entry(status.INVALID_ARGUMENT, usage, 'A template uses a name that is not known, or is no valid template.', 'see docs/reference/templates.md'),
  WO_TEMPLATE_TOO_LARGE: entry(status.INVALID_ARGUMENT, usage, 'The rendered files of a node are larger than 48 KiB.', 'render a small file and include the large one from it'),
  WO_NO_RELEASE: entry(status.FAILED_PRECONDITION, usage, 'The family has no release attached.', 'attach one: wo attach-release FAMILY RELEASE'),

  // Placement and operations
  WO_NO_DOMAIN: entry(status.FAILED_PRECONDITION, usage, 'The family has no deployment domain.', 'add one: wo add-domain FAMILY PROVIDER IMAGE HARDWARE'),
  WO_PLACEMENT_IMPOSSIBLE: entry(status.FAILED_PRECONDITION, failed, 'The nodes do not fit into the domains.', 'raise the limit named, or add a domain'),
  WO_AMOUNT_INVALID: entry(status.INVALID_ARGUMENT, usage, 'The number of nodes is not allowed.', 'give a number from 1 to 20000'),
  WO_OPERATION_FINISHED: entry(status.FAILED_PRECONDITION, usage, 'The operation has ended already.', 'see how: wo operation show OPERATION'),
  WO_CONFIRMATION_NEEDED: entry(status.FAILED_PRECONDITION, usage, 'This destroys something and was not confirmed.', 'repeat it with --yes'),

  // Nodes
  WO_NODE_START_FAILED: entry(status.FAILED_PRECONDITION, failed, 'The start command could not be run.', 'check `start` of the release: wo release show RELEASE'),
  WO_NODE_EXITED: entry(status.FAILED_PRECONDITION, failed, 'The process of the node ended.', 'see its log: wo node logs NODE'),
  WO_NODE_NOT_READY: entry(status.DEADLINE_EXCEEDED, failed, 'The node was started but did not become ready in time.', 'see its log: wo node logs NODE'),
  WO_NODE_JOIN_FAILED: entry(status.FAILED_PRECONDITION, failed, 'The node runs but could not join its cluster.', 'see the step that failed: wo event follow --node NODE'),
  WO_NODE_DRAIN_FAILED: entry(status.FAILED_PRECONDITION, failed, 'The node could not be drained, so it was left running.', 'see why: wo node show NODE; drain it again, or stop it as it is: wo node stop NODE'),
  WO_NODE_NOT_RUNNING: entry(status.FAILED_PRECONDITION, failed, 'The node does not run.', 'start it: wo node start NODE'),
  WO_HEALING_HELD: entry(status.FAILED_PRECONDITION, conflict, 'So many hosts of a domain are silent that the nodes of lost ones are not replaced.', 'see what is wrong with the network or the provider: wo host list; to replace the nodes of one host all the same: wo host replace HOST; a machine that is gone for good counts until it is given up: wo host replace HOST --fenced'),
  WO_CLUSTER_SPLIT: entry(status.FAILED_PRECONDITION, failed, 'The nodes of a family are not one connected cluster.', 'see which see each other: wo status FAMILY; restart those of the smaller part, and they join again'),
  WO_PORT_IN_USE: entry(status.FAILED_PRECONDITION, failed, 'A port of the node is taken by another process.', 'free the port, or let Wombat choose one'),
  WO_PLATFORM_MISMATCH: entry(status.FAILED_PRECONDITION, failed, 'The release was built for another kind of machine than the host.', 'build it for the hosts of the family, or choose domains that fit: wo host show HOST'),
  WO_LIBRARY_MISSING: entry(status.FAILED_PRECONDITION, failed, 'The host lacks a shared library that the release needs.', 'install it on the host, or put it into the image of the domain'),
  WO_MEMORY_SHORT: entry(status.RESOURCE_EXHAUSTED, failed, 'The host has less memory available than the release asks for.', 'choose a larger hardware profile, or fewer nodes on each host'),
  WO_USER_UNKNOWN: entry(status.FAILED_PRECONDITION, failed, 'The host has no user of the name that the nodes shall run as.', 'create the user on the host, or name another in `runAs`'),
  WO_RUN_AS_REFUSED: entry(status.FAILED_PRECONDITION, failed, 'The agent cannot run the node as the user asked for.', 'see docs/reference/hosts.md'),
  WO_LIMIT_REFUSED: entry(status.FAILED_PRECONDITION, failed, 'The host does not grant a limit that the release asks for.', 'ask for less in `limits`, or raise the limit of the agent'),
  WO_ADDRESS_LIMIT: entry(status.FAILED_PRECONDITION, failed, 'Epmd cannot serve this many local hosts.', 'put more nodes on each host: --nodes-per-host'),
  WO_ERLANG_MISSING: entry(status.FAILED_PRECONDITION, failed, 'No Erlang runtime system is there for the node.', 'build the release with its ERTS, or install Erlang on the host'),
  WO_DISK_FULL: entry(status.RESOURCE_EXHAUSTED, failed, 'The disk is full.', 'free space; it is tried again'),
  WO_DISK_TOO_SMALL: entry(status.FAILED_PRECONDITION, failed, 'The whole disk of the host is smaller than what the release asks for.', 'choose a larger hardware profile, or ask for less in `needs.disk`'),
  WO_CHANNEL_GONE: entry(status.NOT_FOUND, failed, 'What was to be read is no longer there.', 'logs are kept for 24 h after a node is removed'),
  WO_TOO_MANY_FAILURES: entry(status.ABORTED, failed, 'So many targets of a job have failed that nothing more of it was sent.', 'see what went wrong: wo job show JOB'),
  WO_FILE_TOO_LARGE: entry(status.INVALID_ARGUMENT, usage, 'The file is larger than the coordinator takes.', 'bring it to the nodes in their release, or raise files.maximumBytes of the coordinator (2 GiB at most)'),
  WO_PULL_FAILED: entry(status.ABORTED, failed, 'A file that was fetched could not be kept here as it was sent.', 'see what is in the way, and fetch it again'),
  WO_EXEC_REJECTED: entry(status.FAILED_PRECONDITION, failed, 'The host refuses to run the command.', 'see the reason of the target'),
  WO_CONSOLE_UNSUPPORTED: entry(status.FAILED_PRECONDITION, failed, 'The host cannot make a terminal for a console.', 'install script and stty on it: apt-get install bsdutils coreutils; or run single commands: wo exec'),
  WO_CONSOLE_TIMED_OUT: entry(status.FAILED_PRECONDITION, failed, 'The console was idle, or open, for longer than the coordinator allows, and was ended.', 'open another; an administrator sets consoles.idleTimeoutMs and consoles.maximumMs'),

  // Coordinator and store
  WO_STORE_UNUSABLE: entry(status.FAILED_PRECONDITION, failed, 'The store cannot be opened.', 'check the path and its permissions'),
  WO_STORE_UNAVAILABLE: entry(status.UNAVAILABLE, unreachable, 'The database of the coordinator does not answer.', 'see that PostgreSQL runs and can be reached; the coordinator goes on by itself when it does: wo doctor'),
  WO_STORE_FULL: entry(status.RESOURCE_EXHAUSTED, failed, 'The disk of the store is full: nothing can be changed until there is room, all else goes on.', 'free space on the disk of the coordinator; it goes on by itself'),
  WO_STORE_BUSY: entry(status.UNAVAILABLE, failed, 'Another process holds the store of the coordinator locked.', 'end what has the file open (fuser -v store/wombat.db in the directory of the coordinator), then try again'),
  WO_STORE_READ_ONLY: entry(status.UNAVAILABLE, failed, 'The disk of the store takes no writes: it is read-only, or fails. Nothing can be changed until it takes them, all else goes on.', 'see why (dmesg), and make the disk of the coordinator writable; it goes on by itself, or after a restart where the disk was mounted anew'),
  WO_STORE_NEWER: entry(status.FAILED_PRECONDITION, failed, 'The store was written by a newer version.', 'start that version, or restore a backup'),
  WO_BACKUP_INVALID: entry(status.INVALID_ARGUMENT, usage, 'The archive is no backup of a coordinator, or not a whole one.', 'take another backup: wo backup FILE'),
  WO_BACKUP_ELSEWHERE: entry(status.FAILED_PRECONDITION, usage, 'The store is in PostgreSQL, which has backups of its own.', 'take them with pg_dump, together with the directory of the coordinator: see docs/guides/operate.md'),
  WO_KEY_UNUSABLE: entry(status.FAILED_PRECONDITION, failed, 'A key or certificate in the directory of the coordinator cannot be used.', 'check that the file is its own, and restore it from the backup if it is damaged'),
  WO_SECRET_UNREADABLE: entry(status.FAILED_PRECONDITION, failed, 'A secret cannot be decrypted with the key that the coordinator has.', 'restore secrets.key from the backup, or register the secret again'),
  WO_ADDRESS_IN_USE: entry(status.FAILED_PRECONDITION, failed, 'Another process listens on this address.', 'stop it, or choose another port'),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(catalogue, text);
}
