import { basename, resolve } from 'node:path';
import { parsePlatform } from '@wombat/proto';
import { CreateReleaseRequest, CreateReleaseResponse, ReleaseServiceService, type Artifact } from '@wombat/proto/control';
import type { Platform } from '@wombat/proto/types';
import { defineCommand, optional, required } from '../../command.js';
import type { Control } from '../../control/control.js';
import { newMutation } from '../../control/mutation.js';
import { idOf, labelOf } from '../../control/names.js';
import { uploadArtifact } from '../../control/upload-artifact.js';
import { each, flag, readPair, text, texts } from '../../options.js';
import { bytes } from '../../output/words.js';
import type { Runtime } from '../../runtime.js';
import { uploadMeter } from '../upload-meter.js';
import { readManifestFile } from './read-manifest-file.js';
import { layoutOf, plannedEntries } from './view.js';

/** A tarball on this machine, and what it is said to be for; nothing: its own runtime says it. */
interface GivenTarball {
  readonly path: string;
  readonly platform: Platform | undefined;
}

export const releaseUpload = defineCommand({
  description: [
    'The tarball is stored once under its sha256; bytes that the coordinator has already are not kept twice.',
    'OTP releases (rebar3, relx, mix) fill their manifest by themselves: START, STOP and NODENAME may be left out.',
    'START and STOP are split as a shell would and never given to one. NODENAME is the base of the Erlang node name.',
    'A release built for several platforms has a tarball for each; every host gets the one that fits it. What a',
    'platform is, a release with its own Erlang runtime says by itself.',
  ].join('\n'),
  examples: [
    { command: 'wo upload-release Riak riak.tar.gz "bin/riak start" "bin/riak stop" riak -t etc/vm.args', explanation: 'everything said' },
    { command: 'wo upload-release shop _build/prod/rel/shop/shop-1.4.0.tar.gz', explanation: 'an OTP release says it by itself' },
    { command: 'wo upload-release proxy proxy.tgz --manifest wombat.release.yaml --release-version 2.1', explanation: 'from a file' },
    { command: 'wo upload-release shop shop-x64.tar.gz --artifact linux/arm64=shop-arm64.tar.gz', explanation: 'for two platforms' },
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
    platform: text('--platform <platform>', 'what TARBALL is for: OS/ARCH or OS/ARCH/LIBC, such as linux/x64/musl'),
    artifact: each('--artifact <platform=file>', 'the same release built for another platform; may be repeated', givenArtifact),
    dryRun: flag('--dry-run', 'look into the tarball, show what it would become, and store nothing'),
  },
  async run(runtime, args, options) {
    const { cwd } = runtime.io;
    const tarballs: GivenTarball[] = [{ path: args.tarball, platform: options.platform === undefined ? undefined : parsePlatform(options.platform) }, ...options.artifact];
    const manifestFile = options.manifest === undefined ? undefined : await readManifestFile(resolve(cwd, options.manifest), options.manifest);
    const control = await runtime.control();
    const artifacts: Artifact[] = [];
    for (const tarball of tarballs) artifacts.push(await uploaded(runtime, control, tarball));
    const request = CreateReleaseRequest.fromPartial({
      mutation: newMutation(options.dryRun), name: args.name, version: options.releaseVersion ?? '', artifacts, ...(manifestFile && { manifestFile }),
      manifest: { start: args.start ?? '', stop: args.stop ?? '', nodeName: args.nodename ?? '', templates: [...options.template] },
    });
    const answer = await control.call(ReleaseServiceService.createRelease, request);
    await tell(runtime, answer);
  },
});

async function uploaded(runtime: Runtime, control: Control, { path, platform }: GivenTarball): Promise<Artifact> {
  const { sha256, sizeBytes } = await uploadArtifact(control, resolve(runtime.io.cwd, path), uploadMeter(runtime, basename(path)));
  return { sha256, sizeBytes, platform };
}

async function tell(runtime: Runtime, answer: CreateReleaseResponse): Promise<void> {
  const { print } = runtime;
  const release = answer.release!;
  const json = CreateReleaseResponse.toJSON(answer);
  if (answer.existed) print.tell(`the same release was there already: ${idOf(release)}`);
  for (const note of answer.notes) print.tell(`note: ${note}`);
  if (answer.dryRun) return print.planned(`release ${labelOf(release)} ${release.version} would be as above`, json, plannedEntries(release, runtime.clock.now()));
  const size = release.artifacts.map((artifact) => bytes(artifact.sizeBytes)).join(' + ');
  await print.created({
    id: idOf(release),
    name: labelOf(release),
    json,
    line: `release ${labelOf(release)} ${release.version} (${layoutOf(release)}, ${size})  ${idOf(release)}`,
    next: `wo attach-release FAMILY ${idOf(release)}`,
  });
}

function givenArtifact(given: string): GivenTarball {
  const [platform, path] = readPair(given, '--artifact', '=');
  return { platform: parsePlatform(platform), path };
}
