import { basename, resolve } from 'node:path';
import { CreateReleaseRequest, CreateReleaseResponse, Manifest, ReleaseServiceService, type Artifact } from '@wombat/proto/control';
import { defineCommand, optional, required } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { idOf, labelOf } from '../../control/names.js';
import { uploadArtifact } from '../../control/upload-artifact.js';
import { text, texts } from '../../options.js';
import { bytes } from '../../output/words.js';
import type { Runtime } from '../../runtime.js';
import { isLive } from '../../terminal/io.js';
import { layoutOf } from './view.js';

export const releaseUpload = defineCommand({
  description: [
    'The tarball is stored once under its sha256; bytes that the coordinator has already are not kept twice.',
    'OTP releases (rebar3, relx, mix) fill their manifest by themselves: START, STOP and NODENAME may be left out.',
    'START and STOP are split as a shell would and never given to one. NODENAME is the base of the Erlang node name.',
  ].join('\n'),
  examples: [
    { command: 'wo upload-release Riak riak.tar.gz "bin/riak start" "bin/riak stop" riak -t etc/vm.args', explanation: 'everything said' },
    { command: 'wo upload-release shop _build/prod/rel/shop/shop-1.4.0.tar.gz', explanation: 'an OTP release says it by itself' },
    { command: 'wo upload-release proxy proxy.tgz --manifest wombat.release.yaml --release-version 2.1', explanation: 'from a file' },
  ],
  arguments: {
    name: required('name of the release'),
    tarball: required('.tar, .tar.gz or .tgz', { completes: 'file' }),
    start: optional('command that starts a node, in the root of the release'),
    stop: optional('command that stops it'),
    nodename: optional('base of the Erlang node name: riak gives riak-<n>@<address>'),
  },
  options: {
    template: texts('-t, --template <file>', 'path in the tarball that is rendered for each node; may be repeated'),
    manifest: text('--manifest <file>', 'YAML or JSON that says how to run the release; what stands on the command line wins', 'file'),
    releaseVersion: text('--release-version <version>', 'version; the release\'s own when left out, else 1'),
  },
  async run(runtime, args, options) {
    const { cwd } = runtime.io;
    const fromFile = options.manifest ? await readManifest(resolve(cwd, options.manifest)) : undefined;
    const base = fromFile?.manifest ?? Manifest.fromPartial({});
    const manifest: Manifest = {
      ...base,
      start: args.start ?? base.start,
      stop: args.stop ?? base.stop,
      nodeName: args.nodename ?? base.nodeName,
      templates: options.template.length ? [...options.template] : base.templates,
    };
    const control = await runtime.control();
    const stored = await uploadArtifact(control, resolve(cwd, args.tarball), uploadMeter(runtime, basename(args.tarball)));
    const artifact: Artifact = { sha256: stored.sha256, sizeBytes: stored.sizeBytes, platform: undefined };
    const version = options.releaseVersion ?? fromFile?.version ?? '';
    const request = CreateReleaseRequest.fromPartial({ mutation: newMutation(), name: args.name, version, manifest, artifacts: [artifact] });
    const answer = await control.call(ReleaseServiceService.createRelease, request);
    const release = answer.release!;
    if (answer.existed) runtime.print.tell(`the same release was there already: ${idOf(release)}`);
    for (const note of answer.notes) runtime.print.tell(`note: ${note}`);
    await runtime.print.created({
      id: idOf(release),
      name: args.name,
      json: CreateReleaseResponse.toJSON(answer),
      line: `release ${labelOf(release)} ${release.version} (${layoutOf(release)}, ${bytes(stored.sizeBytes)})  ${idOf(release)}`,
      next: `wo attach-release FAMILY ${idOf(release)}`,
    });
  },
});

async function readManifest(path: string): Promise<{ manifest: Manifest; version: string | undefined }> {
  const { readManifestFile } = await import('../../parse/manifest-file.js');
  return readManifestFile(path);
}

/** One line that is written over, on a terminal only. */
function uploadMeter(runtime: Runtime, name: string): (progress: { sentBytes: number; totalBytes: number }) => void {
  const { stderr, env } = runtime.io;
  if (runtime.flags.quiet || !isLive(stderr, env)) return () => {};
  let last = -1;
  return ({ sentBytes, totalBytes }) => {
    const percent = Math.floor((sentBytes / totalBytes) * 100);
    if (percent === last) return;
    last = percent;
    stderr.write(sentBytes === totalBytes ? '\r\x1b[K' : `\r\x1b[K${name}: ${percent}% of ${bytes(totalBytes)}`);
  };
}
