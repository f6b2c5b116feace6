import { checkName, durationToMs, type Clock, type Ids } from '@wombat/proto';
import { TokenServiceService, type JoinToken as JoinTokenMessage } from '@wombat/proto/control';
import type { JoinToken } from '../../domain/model/identity.js';
import { findObject } from '../../engine/find-object.js';
import type { Installer } from '../../installer/installer.js';
import type { Store, Transaction } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { mutate } from './mutation.js';
import { pageQuery } from './paging.js';
import { dateOf, metadataView } from './views/common.js';

/** Makes and takes away what lets a machine join. */
export interface JoinTokenIssuer {
  issueJoinToken(request: { readonly hostId: string; readonly validForMs?: number }, transaction?: Transaction): Promise<{ readonly token: JoinToken; readonly text: string }>;
  revokeJoinToken(tokenId: string): Promise<JoinToken>;
}

export interface TokenServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly issuer: JoinTokenIssuer;
  /** Where agents are told to connect. */
  readonly agentsAddress: () => string;
  readonly installer: Pick<Installer, 'script'>;
}

export function tokenService({ store, clock, ids, issuer, agentsAddress, installer }: TokenServiceOptions): Service {
  return implement(TokenServiceService, {
    /** For a machine that somebody set up: its host's row is made with the token. */
    async createJoinToken(request) {
      checkName('host', request.hostName);
      const validForMs = durationToMs(request.validFor);
      // Whatever it may be refused for, it is before there is a host.
      if (request.withInstallScript) await installer.script();
      const issued = await mutate(store, request.mutation, async (transaction) => {
        const hostId = ids.next('host');
        await freeName(transaction, request.hostName);
        await transaction.hosts.insert({
          id: hostId, name: request.hostName, generation: 1, observedGeneration: 0, providerId: '', image: '', hardwareProfile: '', region: '', zone: '',
          key: hostId, phase: 'booting', phaseSince: clock.now(), desired: 'present', machineId: hostId, addresses: [], attempts: 0,
        });
        return issuer.issueJoinToken({ hostId, ...(validForMs === undefined ? {} : { validForMs }) }, transaction);
      });
      const { token, text } = issued;
      const installScript = request.withInstallScript ? await installer.script({ hostId: token.hostId, joinToken: text }) : '';
      return { joinToken: joinTokenView(token, request.hostName), token: text, agentsAddress: agentsAddress(), installScript };
    },
    async listJoinTokens(request) {
      const page = await store.read.joinTokens.page(await pageQuery<'joinTokens'>(request.page, { host: { field: 'hostId' } }));
      const names = await store.read.hosts.names(page.items.map(({ hostId }) => hostId));
      return { joinTokens: page.items.map((token) => joinTokenView(token, names.get(token.hostId) ?? '')), page: { nextPageToken: page.nextPageToken } };
    },
    async revokeJoinToken(request) {
      const token = await findObject(store.read, 'joinTokens', request.joinToken);
      const { name = '' } = (await store.read.hosts.get(token.hostId)) ?? {};
      if (request.mutation?.dryRun) return { joinToken: joinTokenView({ ...token, revokedAt: token.revokedAt ?? clock.now() }, name) };
      return { joinToken: joinTokenView(await issuer.revokeJoinToken(token.id), name) };
    },
  });
}

/** A machine that is set up anew comes back under its old name; what it was is history. */
async function freeName(transaction: Transaction, name: string): Promise<void> {
  const [former] = await transaction.hosts.find({ name, phase: 'gone' });
  if (former) await transaction.hosts.update({ ...former, name: `${name.slice(0, 40)} ${former.id}` });
}

function joinTokenView(token: JoinToken, hostName: string): JoinTokenMessage {
  return {
    metadata: metadataView(token),
    hostId: token.hostId,
    hostName,
    expiresAt: dateOf(token.expiresAt),
    usedAt: dateOf(token.usedAt),
    usedFrom: token.usedFrom ?? '',
    revokedAt: dateOf(token.revokedAt),
  };
}
