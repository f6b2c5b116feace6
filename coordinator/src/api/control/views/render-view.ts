import { durationFromMs, quoted } from '@wombat/proto';
import type { ManifestReady, RenderNodeResponse } from '@wombat/proto/control';
import type { RenderedReady } from '../../../domain/release/render-node.js';
import type { NodeRendering } from '../../../engine/assignment-builder.js';
import { artifactView, checkView, limitsView, needsView } from './release-view.js';

export function renderView({ node, release: { manifest }, rendered, artifact, provisional }: NodeRendering): RenderNodeResponse {
  const below = `nodes/${node.id}`;
  return {
    files: rendered.files.map(({ path, text }) => ({ path, content: text })),
    environment: { ...rendered.environment },
    start: [...rendered.start],
    stop: [...rendered.stop],
    ready: { check: readyView(rendered.ready), timeout: durationFromMs(manifest.readyTimeoutMs) },
    stopTimeout: durationFromMs(manifest.stopTimeoutMs),
    pidCommand: [...rendered.pidCommand],
    ports: node.ports.map((port) => ({ ...port })),
    distributionPort: rendered.isErlang ? node.distributionPort : 0,
    limits: limitsView(manifest.limits),
    runAs: manifest.runAs,
    needs: needsView(manifest.needs),
    paths: { '{{path:root}}': `${below}/root`, '{{path:data}}': `${below}/data`, '{{path:home}}': `${below}/home` },
    artifact: artifact && artifactView(artifact),
    provisional,
  };
}

function readyView(ready: RenderedReady): ManifestReady['check'] {
  return ready.kind === 'command' ? { $case: 'command', value: ready.argv.map(quoted).join(' ') } : checkView(ready);
}
