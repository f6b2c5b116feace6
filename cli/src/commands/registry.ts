import type { Command } from '../command.js';

/** One line of the table of commands. The module behind it is loaded when the command is used. */
export interface Registered {
  /** "family create", or one word. */
  readonly path: string;
  /** The short form of the same command: "create-family". */
  readonly short?: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** A program of its own that `wo` starts: all its arguments are passed on. */
export interface RegisteredProgram {
  readonly path: string;
  readonly summary: string;
}

/** The nouns, in the order of help. */
export const nouns: Readonly<Record<string, string>> = {
  provider: 'accounts and places where hosts come from',
  release: 'what nodes run',
  family: 'nodes that run one release under one set of policies',
  node: 'running copies of a release',
  host: 'machines with an agent on them',
  operation: 'what was asked for, and how far it is',
  job: 'commands sent to many nodes or hosts',
  event: 'the history',
  plugin: 'drivers and bootstrap strategies',
  operator: 'who may call the coordinator, by token',
  token: 'join tokens, which let a machine enrol',
  context: 'the coordinators that wo knows',
};

/** Every command of `wo`. Summaries stand here so that help needs no module. */
export const commands: readonly Registered[] = [
  { path: 'provider register', short: 'register-provider', summary: 'make an account or place known', load: async () => (await import('./provider/register.js')).providerRegister },
  { path: 'provider list', summary: 'list the providers', load: async () => (await import('./provider/list.js')).providerList },
  { path: 'provider show', summary: 'show one provider', load: async () => (await import('./provider/show.js')).providerShow },
  { path: 'provider verify', summary: 'try the credentials again', load: async () => (await import('./provider/verify.js')).providerVerify },
  { path: 'provider images', summary: 'list what hosts can boot from', load: async () => (await import('./provider/images.js')).providerImages },
  { path: 'provider hardware', summary: 'list the sizes of hosts', load: async () => (await import('./provider/hardware.js')).providerHardware },
  { path: 'provider remove', summary: 'forget a provider', load: async () => (await import('./provider/remove.js')).providerRemove },

  { path: 'release upload', short: 'upload-release', summary: 'store a tarball and how to run it', load: async () => (await import('./release/upload.js')).releaseUpload },
  { path: 'release schema', summary: 'print the JSON Schema of the manifest', load: async () => (await import('./release/schema.js')).releaseSchema },
  { path: 'release list', summary: 'list the releases', load: async () => (await import('./release/list.js')).releaseList },
  { path: 'release show', summary: 'show a release and its manifest', load: async () => (await import('./release/show.js')).releaseShow },
  { path: 'release remove', summary: 'remove a release', load: async () => (await import('./release/remove.js')).releaseRemove },

  { path: 'family create', short: 'create-family', summary: 'create a node family', load: async () => (await import('./family/create.js')).familyCreate },
  { path: 'family list', summary: 'list the families', load: async () => (await import('./family/list.js')).familyList },
  { path: 'family show', summary: 'show one family and its domains', load: async () => (await import('./family/show.js')).familyShow },
  { path: 'family firewall', short: 'set-firewall', summary: 'replace the firewall rules of a family', load: async () => (await import('./family/firewall.js')).familyFirewall },
  { path: 'family attach', short: 'attach-release', summary: 'say which release new nodes run', load: async () => (await import('./family/attach.js')).familyAttach },
  { path: 'family domain', short: 'add-domain', summary: 'say where nodes of a family may go', load: async () => (await import('./family/domain.js')).familyDomain },
  { path: 'family remove-domain', summary: 'take a domain away again', load: async () => (await import('./family/remove-domain.js')).familyRemoveDomain },
  { path: 'family deploy', short: 'deploy-nodes', summary: 'place more nodes and start them', load: async () => (await import('./family/deploy.js')).familyDeploy },
  { path: 'family scale', summary: 'bring a family to a number of nodes', load: async () => (await import('./family/scale.js')).familyScale },
  { path: 'family env', summary: 'list or change the environment and the secrets', load: async () => (await import('./family/env.js')).familyEnv },
  { path: 'family update', summary: 'bring the nodes to another release or environment, a few at a time', load: async () => (await import('./family/update.js')).familyUpdate },
  { path: 'family revisions', summary: 'list what the family says and said', load: async () => (await import('./family/revisions.js')).familyRevisions },
  { path: 'family policy', summary: 'say what becomes of nodes whose host is lost', load: async () => (await import('./family/policy.js')).familyPolicy },
  { path: 'family remove', summary: 'remove a family without nodes', load: async () => (await import('./family/remove.js')).familyRemove },

  { path: 'node list', summary: 'list the nodes', load: async () => (await import('./node/list.js')).nodeList },
  { path: 'node show', summary: 'show one node', load: async () => (await import('./node/show.js')).nodeShow },
  { path: 'node start', summary: 'start nodes', load: async () => (await import('./node/start.js')).nodeStart },
  { path: 'node stop', summary: 'stop nodes and keep them', load: async () => (await import('./node/stop.js')).nodeStop },
  { path: 'node restart', summary: 'restart nodes', load: async () => (await import('./node/restart.js')).nodeRestart },
  { path: 'node drain', summary: 'take nodes out of service and stop them', load: async () => (await import('./node/drain.js')).nodeDrain },
  { path: 'node remove', summary: 'take nodes off their hosts', load: async () => (await import('./node/remove.js')).nodeRemove },
  { path: 'node logs', short: 'logs', summary: 'show what nodes write', load: async () => (await import('./node/logs.js')).nodeLogs },
  { path: 'node console', short: 'console', summary: 'open the remote console of a node, or a shell', load: async () => (await import('./console/console.js')).nodeConsole },
  { path: 'node render', summary: 'show the files and the environment of a node', load: async () => (await import('./node/render.js')).nodeRender },

  { path: 'host list', summary: 'list the hosts', load: async () => (await import('./host/list.js')).hostList },
  { path: 'host show', summary: 'show one host', load: async () => (await import('./host/show.js')).hostShow },
  { path: 'host drain', summary: 'remove the nodes of a host and place none there', load: async () => (await import('./host/drain.js')).hostDrain },
  { path: 'host replace', summary: 'deploy others in place of the nodes of a lost host', load: async () => (await import('./host/replace.js')).hostReplace },
  { path: 'host update', summary: 'bring agents to the package that the coordinator has', load: async () => (await import('./host/update.js')).hostUpdate },
  { path: 'host remove', summary: 'destroy the machine', load: async () => (await import('./host/remove.js')).hostRemove },
  { path: 'host revoke', summary: 'refuse the certificate of a host', load: async () => (await import('./host/revoke.js')).hostRevoke },

  { path: 'operation list', summary: 'list the operations', load: async () => (await import('./operation/list.js')).operationList },
  { path: 'operation show', summary: 'show one operation and its plan', load: async () => (await import('./operation/show.js')).operationShow },
  { path: 'operation watch', summary: 'follow an operation to its end', load: async () => (await import('./operation/watch.js')).operationWatch },
  { path: 'operation cancel', summary: 'stop an operation from going on', load: async () => (await import('./operation/cancel.js')).operationCancel },

  { path: 'job list', summary: 'list the jobs', load: async () => (await import('./job/list.js')).jobList },
  { path: 'job show', summary: 'show a job and the outcome of each target', load: async () => (await import('./job/show.js')).jobShow },
  { path: 'job watch', summary: 'follow a job to its end', load: async () => (await import('./job/watch.js')).jobWatch },
  { path: 'job output', summary: 'what the command of a job has written', load: async () => (await import('./job/output.js')).jobOutput },
  { path: 'job rerun', summary: 'run the command of a job again, also only where it failed', load: async () => (await import('./job/rerun.js')).jobRerun },
  { path: 'job resume', summary: 'let a job go on that pauses', load: async () => (await import('./job/resume.js')).jobResume },
  { path: 'job cancel', summary: 'end a job on all its targets', load: async () => (await import('./job/cancel.js')).jobCancel },

  { path: 'event list', summary: 'list what has happened', load: async () => (await import('./event/list.js')).eventList },
  { path: 'event follow', summary: 'show events as they happen', load: async () => (await import('./event/follow.js')).eventFollow },

  { path: 'plugin list', summary: 'list drivers and bootstrap strategies', load: async () => (await import('./plugin/list.js')).pluginList },
  { path: 'plugin show', summary: 'show a plugin and its settings', load: async () => (await import('./plugin/show.js')).pluginShow },

  { path: 'operator create', summary: 'make a token for a person or a program', load: async () => (await import('./operator/create.js')).operatorCreate },
  { path: 'operator list', summary: 'list who has a token', load: async () => (await import('./operator/list.js')).operatorList },
  { path: 'operator revoke', summary: 'take a token away', load: async () => (await import('./operator/revoke.js')).operatorRevoke },

  { path: 'token create', summary: 'create a join token for one host', load: async () => (await import('./token/create.js')).tokenCreate },
  { path: 'token list', summary: 'list the join tokens', load: async () => (await import('./token/list.js')).tokenList },
  { path: 'token revoke', summary: 'make a join token worthless', load: async () => (await import('./token/revoke.js')).tokenRevoke },

  { path: 'context list', summary: 'list the contexts', load: async () => (await import('./context/list.js')).contextList },
  { path: 'context add', summary: 'make a coordinator known', load: async () => (await import('./context/add.js')).contextAdd },
  { path: 'context use', summary: 'choose the context', load: async () => (await import('./context/use.js')).contextUse },
  { path: 'context show', summary: 'show what is used, and where each part comes from', load: async () => (await import('./context/show.js')).contextShow },
  { path: 'context remove', summary: 'forget a coordinator', load: async () => (await import('./context/remove.js')).contextRemove },

  { path: 'exec', summary: 'run a command on many nodes or hosts at once', load: async () => (await import('./exec.js')).exec },
  { path: 'run', summary: 'run a command that releases offer, on many nodes', load: async () => (await import('./run/run.js')).run },
  { path: 'push', summary: 'put a file on many nodes or hosts at once', load: async () => (await import('./push.js')).push },
  { path: 'pull', summary: 'fetch files from many nodes or hosts', load: async () => (await import('./pull.js')).pull },
  { path: 'match', summary: 'show which nodes or hosts an expression means', load: async () => (await import('./match.js')).match },
  { path: 'status', summary: 'what should run, what runs, what waits, what failed', load: async () => (await import('./status.js')).status },
  { path: 'gc', summary: 'remove machines without a host and hosts without a machine', load: async () => (await import('./gc.js')).gc },
  { path: 'doctor', summary: 'look for what is wrong, here, in the coordinator and on the hosts', load: async () => (await import('./doctor.js')).doctor },
  { path: 'backup', summary: 'save all that the coordinator has', load: async () => (await import('./backup.js')).backup },
  { path: 'restore', summary: 'set up a coordinator from a backup', load: async () => (await import('./restore.js')).restore },
  { path: 'explain', summary: 'explain an error code', load: async () => (await import('./explain.js')).explain },
  { path: 'completion', summary: 'a script that makes the tab key complete', load: async () => (await import('./completion.js')).completion },
  { path: 'version', summary: 'versions of wo, the coordinator and the agents', load: async () => (await import('./version.js')).version },
  { path: 'init', summary: 'write a commented configuration for a coordinator', load: async () => (await import('./init.js')).init },
  { path: 'dev', summary: 'a coordinator of your own on this machine', load: async () => (await import('./dev.js')).dev },
];

export const programs: readonly RegisteredProgram[] = [
  { path: 'coordinator', summary: 'the coordinator itself' },
  { path: 'agent', summary: 'the agent itself' },
];
