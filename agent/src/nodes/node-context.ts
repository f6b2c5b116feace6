import { WombatError } from '@wombat/proto';
import type { NodeSpec } from '@wombat/proto/agent';
import { runAs, type RunAs } from '../accounts/run-as.js';
import { cookieFile } from '../erlang/cookie.js';
import { ErlCall } from '../erlang/erl-call.js';
import { cleanEnvironment } from '../processes/clean-environment.js';
import type { NodePaths } from './node-paths.js';

/** By what processes of a node are known to each other, and to a later agent. */
export const nodeIdVariable = 'WOMBAT_NODE_ID';
export const execIdVariable = 'WOMBAT_EXEC_ID';

/** Everything that a process of a node, or a command for it, is started with. */
export interface NodeContext {
  readonly nodeId: string;
  readonly hostId: string;
  readonly spec: NodeSpec;
  readonly paths: NodePaths;
  /** Where programs are looked for. */
  readonly path: string;
}

/** The environment of the node itself, and of what is run for it. */
export function nodeEnvironment(context: NodeContext, added: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { spec, paths } = context;
  const wanted = Object.fromEntries(Object.entries(spec.environment).map(([name, value]) => [name, fillPaths(value, context)]));
  return {
    ...cleanEnvironment({ path: context.path, home: paths.home }),
    ...(spec.limits?.runAs ? { USER: spec.limits.runAs, LOGNAME: spec.limits.runAs } : {}),
    ...secretEnvironment(spec),
    ...wanted,
    ...added,
    WOMBAT_HOST_ID: context.hostId,
    [nodeIdVariable]: context.nodeId,
    // What the cluster knows it by: the Erlang name where there is one.
    WOMBAT_NODE_NAME: spec.erlang?.nodeName || spec.name,
    WOMBAT_FAMILY: spec.familyName,
    WOMBAT_ADDRESS: spec.address,
    WOMBAT_DATA_DIR: paths.data,
    ...Object.fromEntries(spec.ports.map(({ name, number }) => [`WOMBAT_PORT_${variableName(name)}`, String(number)])),
    ...(spec.erlang ? { WOMBAT_COOKIE_FILE: cookieFile(paths.home) } : {}),
    ...(spec.erlang?.epmdPort ? { ERL_EPMD_PORT: String(spec.erlang.epmdPort) } : {}),
  };
}

/**
 * The user that all of the node's processes run as; undefined: the agent's own.
 * @throws WombatError WO_USER_UNKNOWN, WO_RUN_AS_REFUSED
 */
export function ownerOf({ spec, path }: Pick<NodeContext, 'spec' | 'path'>): RunAs | undefined {
  return runAs(spec.limits?.runAs ?? '', path);
}

/** Paths that only the host knows: `{{path:data}}`, `{{path:root}}`, `{{path:home}}`. */
export function fillPaths(text: string, { paths }: NodeContext): string {
  return text.replace(/\{\{path:(data|root|home)\}\}/g, (_, name: 'data' | 'root' | 'home') => paths[name]);
}

/** @throws WombatError WO_ERLANG_MISSING when the node is no Erlang node */
export function erlCallOf(context: NodeContext): ErlCall {
  const { spec, paths, path } = context;
  if (!spec.erlang) throw new WombatError('WO_ERLANG_MISSING', `${spec.name} is no Erlang node`);
  return new ErlCall({ erlang: spec.erlang, homeDirectory: paths.home, rootDirectory: paths.root, path, runAs: ownerOf(context) });
}

function secretEnvironment(spec: NodeSpec): Record<string, string> {
  const carried = spec.secrets.filter(({ environmentName }) => environmentName !== '');
  return Object.fromEntries(carried.map(({ environmentName, value }) => [environmentName, Buffer.from(value).toString('utf8')]));
}

function variableName(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, '_');
}
