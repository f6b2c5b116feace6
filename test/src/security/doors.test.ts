import { request } from 'node:http';
import { connect } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { fromServiceError } from '@wombat/proto';
import { ArtifactServiceService, EnrolmentServiceService, EnrolRequest, SessionServiceService } from '@wombat/proto/agent';
import * as control from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { ControlClient, coordinatorName } from '../support/control-client.js';
import { Workshop } from '../support/workshop.js';

interface Method {
  readonly path: string;
}

const agentMethods = [ArtifactServiceService, EnrolmentServiceService, SessionServiceService].flatMap((service): Method[] => Object.values(service));
const controlMethods = Object.entries(control).flatMap(([name, value]): Method[] => (name.endsWith('ServiceService') ? Object.values(value as Record<string, Method>) : []));

t.test('what the doors of a coordinator let in', async (t) => {
  const workshop = await Workshop.closed(t);
  const addresses = await workshop.coordinator.start();
  const { authority, token } = await workshop.coordinator.credentials();

  await t.test("without a certificate the agents' door knows Enrol and nothing else", async (t) => {
    const stranger = client(t, addresses.agents, authority);
    for (const { path } of [...agentMethods, ...controlMethods]) {
      if (path.endsWith('/Enrol')) continue;
      const error = await refusal(stranger, path);
      t.ok([status.UNAUTHENTICATED, status.UNIMPLEMENTED].includes(error.code), `${path} is refused`, { error });
      t.ok(error.code === status.UNAUTHENTICATED || !agentMethods.some((method) => method.path === path), `${path} is refused for want of a certificate`);
    }
    const enrolment = stranger.call(EnrolmentServiceService.enrol, EnrolRequest.fromPartial({ token: 'wo1.no.such.token', csr: Buffer.alloc(100) }));
    const told = await enrolment.catch((error: unknown) => fromServiceError(error));
    t.match(told, { code: /^WO_(TOKEN_|CSR_INVALID)/ }, 'Enrol is answered, by what is wrong with what was sent');
  });

  await t.test("an operator's token opens no door of agents", async (t) => {
    const operator = client(t, addresses.agents, authority, token);
    for (const { path } of agentMethods.filter((method) => !method.path.endsWith('/Enrol'))) {
      t.equal((await refusal(operator, path)).code, status.UNAUTHENTICATED, path);
    }
  });

  await t.test('without a token, or with a wrong one, the control door knows nobody', async (t) => {
    for (const shown of [undefined, 'wrong', `${token}x`]) {
      const stranger = client(t, addresses.control, authority, shown);
      for (const { path } of controlMethods) {
        const { code } = await refusal(stranger, path);
        // Who fails often is soon told to wait instead.
        t.ok(code === status.UNAUTHENTICATED || code === status.RESOURCE_EXHAUSTED, `${path} with ${shown === undefined ? 'no token' : 'a wrong token'} is refused: ${status[code]}`);
      }
    }
  });

  await t.test('old TLS is refused at both doors', async (t) => {
    for (const address of [addresses.control, addresses.agents]) {
      await t.rejects(handshake(address, authority, 'TLSv1.2'), `${address} refuses TLS 1.2`);
      t.equal(await handshake(address, authority, 'TLSv1.3'), 'TLSv1.3');
    }
  });

  await t.test('GET /healthz answers everybody, and nothing else does', { skip: addresses.http ? false : 'this coordinator has no HTTP door' }, async (t) => {
    t.match(await get(addresses.http ?? '', 'GET', '/healthz'), { status: 200 });
    const listed = await get(addresses.http ?? '', 'POST', '/v1/NodeService/ListNodes');
    t.ok(listed.status === 401 || listed.status === 429, 'a method without a token is refused', { listed });
  });
});

function client(t: Test, address: string, authority: Buffer, token?: string): ControlClient {
  const made = new ControlClient({ address, authority, ...(token === undefined ? {} : { token }) });
  t.teardown(() => made.close());
  return made;
}

/** The error of a call with an empty request; the door judges before it reads. */
async function refusal(caller: ControlClient, path: string): Promise<{ code: status; message: string }> {
  const bytes = { path, requestSerialize: () => Buffer.alloc(0), responseDeserialize: (answer: Buffer) => answer };
  return await caller.call(bytes, undefined).then(() => ({ code: status.OK, message: 'it was let in' }), (error: { code: status; message: string }) => error);
}

function handshake(address: string, authority: Buffer, version: 'TLSv1.2' | 'TLSv1.3'): Promise<string | null> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const options = { host, port: Number(port), ca: authority, servername: coordinatorName(authority), minVersion: version, maxVersion: version, ALPNProtocols: ['h2'] };
    const socket = connect(options, () => {
      resolve(socket.getProtocol());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

function get(address: string, method: string, path: string): Promise<{ status: number | undefined; body: string }> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, method, path, headers: method === 'POST' ? { 'content-type': 'application/json' } : {} }, (answer) => {
      let body = '';
      answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
      answer.once('end', () => resolve({ status: answer.statusCode, body }));
    });
    asked.once('error', reject);
    asked.end(method === 'POST' ? '{}' : undefined);
  });
}
