import { WombatError } from '@wombat/proto';
import type { FastifyInstance } from 'fastify';
import type { AgentPackages } from '../../installer/agent-packages.js';
import type { Installer } from '../../installer/installer.js';

/** What a machine without an identity may fetch: nothing of it is secret. */
export interface InstallerDoor {
  readonly installer: Pick<Installer, 'script'>;
  readonly packages: Pick<AgentPackages, 'open'>;
}

/** `GET /install.sh` and `GET /packages/NAME`. */
export function installerRoutes(app: FastifyInstance, { installer, packages }: InstallerDoor): void {
  app.get('/install.sh', async (_, reply) => reply.type('text/x-shellscript; charset=utf-8').send(await installer.script()));
  app.get<{ Params: { name: string } }>('/packages/:name', async (request, reply) => {
    const found = await packages.open(request.params.name);
    if (!found) throw new WombatError('WO_NOT_FOUND', 'there is no such package of the agent', { hint: 'fetch /install.sh again: it names those there are' });
    return reply.type('application/gzip').header('content-length', found.sizeBytes).send(found.content);
  });
}
