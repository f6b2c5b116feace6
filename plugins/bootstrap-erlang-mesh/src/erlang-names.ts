import { WombatError, type Member } from '@wombat/plugin-sdk';

/** Names that can stand between single quotes in Erlang text as they are. */
const erlangName = /^[A-Za-z0-9_-]{1,128}@[A-Za-z0-9_.-]{1,255}$/;

/**
 * The Erlang name of a member as a quoted atom.
 *
 * @throws WombatError WO_NODE_JOIN_FAILED when it is no Erlang node
 */
export function atomOf(member: Member): string {
  if (member.erlangName === '') {
    throw new WombatError('WO_NODE_JOIN_FAILED', `${member.name} is no Erlang node`, {
      hint: 'erlang-mesh connects Erlang nodes: choose --clust none or custom for this release, or let its manifest say that it is one',
    });
  }
  if (!erlangName.test(member.erlangName)) {
    throw new WombatError('WO_NODE_JOIN_FAILED', `${JSON.stringify(member.erlangName.slice(0, 80))} is no name of an Erlang node`);
  }
  return `'${member.erlangName}'`;
}

/**
 * The node names in Erlang text: a list of atoms, quoted or bare, whatever stands around them
 * (`{ok, [...]}`, line breaks). Each name once, in the order of the text.
 */
export function readNodeNames(text: string): readonly string[] {
  const atoms = text.matchAll(/'([^'\s]+@[^'\s]+)'|(?<![\w@.'-])([A-Za-z][\w-]*@[\w.-]*\w)/g);
  return [...new Set([...atoms].map(([, quoted, bare]) => quoted ?? bare!))];
}
