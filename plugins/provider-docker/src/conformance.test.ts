import { fileURLToPath } from 'node:url';
import { conforms } from '@wombat/conformance';
import t from 'tap';
import { DockerEngine, whyNoEngine } from './testing/docker-engine.js';
import { importShellImage } from './testing/shell-image.js';

t.setTimeout(600_000);

t.test('the driver docker keeps the promises of a provider, on a real Docker Engine by TLS', { skip: whyNoEngine() }, async (t) => {
  const engine = await DockerEngine.start(t);
  await importShellImage(engine.docker, 'shell:1');
  const { ca, client, stranger } = engine.certificates;
  const { plugin } = await conforms(t, {
    // The test runner would load itself into every program of Node.
    command: ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath, fileURLToPath(new URL('./program.js', import.meta.url))],
    settings: { host: '127.0.0.1', port: engine.port, ca, ...client },
    host: { image: 'shell:1', hardwareProfile: 'small' },
    inventory: async () => (await engine.docker.listContainers({ all: true })).map(({ Id }) => Id),
    authFailure: { settings: { ...stranger } },
  });
  t.equal(plugin, 'docker');
});
