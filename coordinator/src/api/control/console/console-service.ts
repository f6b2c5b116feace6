import { isAccountName, WombatError, withDeadline, type Clock, type Ids } from '@wombat/proto';
import { ConsoleFrame, type ChannelData, type ConsoleStarted, type ExitStatus } from '@wombat/proto/agent';
import { ConsoleServiceService, type ConsoleWish } from '@wombat/proto/control';
import type { Logger } from 'pino';
import { principalOf } from '../../../auth/identity.js';
import type { Node } from '../../../domain/model/node.js';
import type { Channel, Fleet } from '../../../fleet/fleet.js';
import type { Store } from '../../../store/store.js';
import { implement, type CallContext, type Service } from '../../service.js';
import { ConsoleAudit, type ConsoleEnd } from './console-audit.js';
import { ConsoleCall } from './console-call.js';
import { ConsoleTimer, type ConsoleBounds } from './console-limits.js';
import { consoleTarget, type ConsoleTarget } from './console-target.js';

export interface ConsoleServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Pick<Logger, 'error'>;
  readonly fleet: Pick<Fleet, 'openChannel'>;
  readonly bounds: ConsoleBounds;
  readonly renderings: { render(node: Node, context: Pick<CallContext, 'signal'>): Promise<{ readonly rendered: { readonly console: readonly string[] } }> };
}

/** From the beginning of a call to the wish. */
const wishTimeoutMs = 10_000;

/** Terminals on nodes and hosts: between an operator's call and a channel of the agent, with an event at either end. */
export function consoleService(options: ConsoleServiceOptions): Service {
  const { store, clock, ids, bounds } = options;
  const audit = new ConsoleAudit(store, clock);
  let open = 0;
  const serve = async (call: ConsoleCall, context: CallContext): Promise<void> => {
    const wish = await call.wish(withDeadline(wishTimeoutMs, 'waiting for what is to be opened', context.signal));
    checkWish(wish);
    const consoleId = ids.next('con');
    const target = await consoleTarget(store.read, wish);
    const argv = target.node && !wish.shell ? (await options.renderings.render(target.node, context)).rendered.console : [];
    const over = new AbortController();
    const signal = AbortSignal.any([context.signal, call.left, over.signal]);
    const { user, shell, size, terminal } = wish;
    const channel = options.fleet.openChannel(target.host.id, {
      $case: 'openConsole', value: { targetId: (target.node ?? target.host).id, argv: [...argv], shell, user, size, terminal, consoleId },
    }, signal);
    const frames = framesOf(channel);
    try {
      const started = await startOf(frames);
      const record = { consoleId, principal: principalOf(context.identity), peer: context.peer, target, what: started.what, user: started.user };
      const ended = await audit.opened(record);
      let end: ConsoleEnd = { reason: 'left', message: 'the operator left' };
      try {
        end = endOfExit(await converse({ call, channel, frames, signal, over, bounds, opened: openedOf(consoleId, target, started) }));
      } catch (error) {
        if (call.left.aborted) return;
        const { code, message } = WombatError.from(error);
        if (code !== 'WO_CANCELLED') end = { reason: code, message };
        throw error;
      } finally {
        await ended(end).catch((error: unknown) => options.log.error({ consoleId, err: error }, 'the end of a console could not be written down'));
      }
    } finally {
      over.abort(new WombatError('WO_CANCELLED', 'the console is over'));
      await frames.return(undefined);
    }
  };
  return implement(ConsoleServiceService, {
    async openConsole(call, context) {
      if (open >= bounds.atOnce) throw new WombatError('WO_RATE_LIMITED', `${open} consoles are open already`, { hint: 'end one; an administrator sets consoles.atOnce' });
      open += 1;
      try {
        await serve(new ConsoleCall(call), context);
      } finally {
        open -= 1;
      }
    },
  });
}

type Frame = NonNullable<ConsoleFrame['kind']>;
type Opened = ReturnType<typeof openedOf>;

interface Conversation {
  readonly call: ConsoleCall;
  readonly channel: Channel;
  readonly frames: AsyncIterator<Frame>;
  readonly signal: AbortSignal;
  readonly over: AbortController;
  readonly bounds: ConsoleBounds;
  readonly opened: Opened;
}

/** Both ways until the program has ended. @throws why it was ended before */
async function converse({ call, channel, frames, signal, over, bounds, opened }: Conversation): Promise<ExitStatus | undefined> {
  const timer = new ConsoleTimer(bounds, (error) => over.abort(error));
  const send = (kind: Frame): Promise<void> => channel.send(Buffer.from(ConsoleFrame.encode({ kind }).finish()));
  try {
    await call.say({ $case: 'opened', value: opened }, signal);
    call.listen(async (said) => {
      timer.touch();
      await send(said.$case === 'input' ? { $case: 'data', value: said.value } : said);
    }, (error) => over.abort(WombatError.from(error)));
    for (let next = await frames.next(); !next.done; next = await frames.next()) {
      timer.touch();
      const frame = next.value;
      if (frame.$case === 'data') await call.say({ $case: 'output', value: frame.value }, signal);
      if (frame.$case !== 'ended') continue;
      await call.say({ $case: 'ended', value: { exit: frame.value } }, signal);
      return frame.value;
    }
    throw new WombatError('WO_HOST_UNREACHABLE', 'the agent ended the console and did not say why');
  } finally {
    timer.stop();
  }
}

async function* framesOf(channel: AsyncIterable<ChannelData>): AsyncGenerator<Frame, undefined> {
  for await (const { data } of channel) {
    const { kind } = decoded(data);
    if (kind) yield kind;
  }
  return undefined;
}

function decoded(data: Uint8Array): ConsoleFrame {
  try {
    return ConsoleFrame.decode(data);
  } catch (cause) {
    throw new WombatError('WO_INTERNAL', 'the agent sent no frame of a console', { cause });
  }
}

async function startOf(frames: AsyncIterator<Frame>): Promise<ConsoleStarted> {
  const { value } = await frames.next();
  if (value?.$case !== 'started') throw new WombatError('WO_INTERNAL', 'the agent did not say what it has started');
  return { what: printable(value.value.what), user: printable(value.value.user) };
}

/** A word of an agent that goes into events. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '').slice(0, 64);
}

function checkWish({ user, target }: ConsoleWish): void {
  if (target === '') throw new WombatError('WO_INVALID_ARGUMENT', 'a console is opened on a node or a host');
  if (user !== '' && !isAccountName(user)) throw new WombatError('WO_INVALID_ARGUMENT', `${JSON.stringify(user.slice(0, 64))} is no name of a user`, { hint: 'give a user of the host: --user www-data' });
}

function openedOf(consoleId: string, { node, host }: ConsoleTarget, { what, user }: ConsoleStarted): { consoleId: string; targetId: string; targetName: string; hostId: string; what: string; user: string } {
  const { id, name } = node ?? host;
  return { consoleId, targetId: id, targetName: name, hostId: host.id, what, user };
}

function endOfExit(exit: ExitStatus | undefined): ConsoleEnd {
  const kind = exit?.kind;
  if (kind?.$case === 'code') return { reason: 'exited', message: `exit code ${kind.value}`, exitCode: kind.value };
  return { reason: 'exited', message: kind?.$case === 'signal' ? `signal ${kind.value}` : 'nobody knows how' };
}
