// Bundles the agent into agent/dist/bundle/agent.cjs: one file that Node runs, nothing else needed.
// Every text and every function that is loaded stays in memory for the agent's whole life, so what
// an agent can never use is left out here.
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** grpc-js loads .proto files for channelz and load reports only, which an agent has not. */
const unusedPackage = /^@grpc\/proto-loader$/;

/** Parts of grpc-js that a client without balancing between servers never calls, and what stands for each. */
const unusedGrpc = {
  'server.js': '',
  'server-interceptors.js': '',
  'server-credentials.js': '',
  'orca.js': '',
  'load-balancer-outlier-detection.js': 'exports.setup = () => {}; exports.OutlierDetectionLoadBalancingConfig = class {};',
  'load-balancer-weighted-round-robin.js': 'exports.setup = () => {};',
  'resolver-uds.js': 'exports.setup = () => {};',
};
const grpcFile = new RegExp(`grpc-js/build/src/(${Object.keys(unusedGrpc).map((name) => name.replace('.', '\\.')).join('|')})$`);

/** The JSON form of messages: agents speak the binary one only. As ts-proto writes them. */
const jsonMethod = /^ {4}(?:fromJSON|toJSON)\([^\n]*\{\n[\s\S]*?^ {4}\},?\n/gm;

function leaveOut() {
  const seen = new Set();
  return {
    name: 'leave-out',
    setup({ onResolve, onLoad, onEnd }) {
      onResolve({ filter: unusedPackage }, ({ path }) => ({ path, namespace: 'left-out' }));
      onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
      onLoad({ filter: grpcFile }, ({ path }) => {
        const name = grpcFile.exec(path)[1];
        seen.add(name);
        return { contents: unusedGrpc[name] };
      });
      onLoad({ filter: /proto\/dist\/gen\/.*\.js$/ }, async ({ path }) => ({ contents: (await readFile(path, 'utf8')).replace(jsonMethod, '') }));
      onEnd(() => {
        const missing = Object.keys(unusedGrpc).filter((name) => !seen.has(name));
        return missing.length === 0 ? undefined : { errors: [{ text: `grpc-js has no ${missing.join(', ')} any more: look again what an agent needs of it` }] };
      });
    },
  };
}

export async function bundleAgent(outfile = `${root}agent/dist/bundle/agent.cjs`) {
  const result = await build({
    entryPoints: [`${root}agent/dist/main.js`],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minify: true,
    plugins: [leaveOut()],
    logLevel: 'warning',
    // What proto does to the JSON form of its messages is left out with that form.
    logOverride: { 'ignored-bare-import': 'silent' },
    metafile: true,
  });
  return result.metafile;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { outputs } = await bundleAgent();
  for (const [path, { bytes }] of Object.entries(outputs)) console.log(`${path} ${Math.round(bytes / 1024)} KiB`);
}
