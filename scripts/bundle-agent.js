// Bundles the agent into agent/dist/bundle/agent.cjs: one file that Node runs, nothing else needed.
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Libraries that are required at load but used for things that the agent never does: grpc-js loads
 * proto files for channelz and load reports only. Left out they save two megabytes of memory.
 */
const unused = ['@grpc/proto-loader'];

const leaveOut = {
  name: 'leave-out',
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^(${unused.join('|')})$`);
    onResolve({ filter }, ({ path }) => ({ path, namespace: 'left-out' }));
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
  },
};

export async function bundleAgent(outfile = `${root}agent/dist/bundle/agent.cjs`) {
  const result = await build({
    entryPoints: [`${root}agent/dist/main.js`],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // The text of a program stays in memory as long as it runs.
    minify: true,

    plugins: [leaveOut],
    logLevel: 'warning',
    // What proto does to the JSON form of its messages is of no use here: an agent speaks none.
    logOverride: { 'ignored-bare-import': 'silent' },
    metafile: true,
  });
  return result.metafile;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { outputs } = await bundleAgent();
  for (const [path, { bytes }] of Object.entries(outputs)) console.log(`${path} ${Math.round(bytes / 1024)} KiB`);
}
