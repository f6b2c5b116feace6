import { durationToMs } from '@wombat/proto';
import type { Member } from '@wombat/proto/plugin';
import { Step as StepCodec, type Action, type Step } from '@wombat/proto/types';
import { z } from 'zod';
import type { LeavePlan } from '../define-bootstrap-strategy.js';

/** What a strategy may answer at most. */
const longest = { steps: 64, stepBytes: 32 * 1024, deadlineMs: 3_600_000, members: 20_000 } as const;
const inputName = /^[A-Za-z_][A-Za-z0-9_.]{0,63}$/;
const memberNames = z.array(z.string().min(1).max(255)).max(longest.members);
const inputs = z.record(z.string().regex(inputName), z.string().max(16_384));
const leave = z.object({ runOnNodeId: z.string(), steps: z.unknown() });

/** @throws ZodError */
export function readInputs(value: unknown): Readonly<Record<string, string>> {
  return inputs.parse(value);
}

/** @throws ZodError */
export function readMemberNames(value: unknown): readonly string[] {
  return memberNames.parse(value);
}

/** Only nodes of the family may be made to run something. @throws Error that says what is wrong */
export function readLeave(value: unknown, family: readonly Member[]): LeavePlan {
  const { runOnNodeId, steps } = leave.parse(value);
  if (runOnNodeId !== '' && !family.some(({ nodeId }) => nodeId === runOnNodeId)) throw new Error('the leave runs on a node that is not of the family');
  return { runOnNodeId, steps: readSteps(steps) };
}

/** @throws Error that tells which step cannot be run, and why */
export function readSteps(value: unknown): readonly Step[] {
  if (!Array.isArray(value) || value.length > longest.steps) throw new Error(`answered no list of at most ${longest.steps} steps`);
  return value.map((each: unknown, index) => {
    try {
      return checkStep(each);
    } catch (error) {
      throw new Error(`step ${index + 1}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  });
}

function checkStep(value: unknown): Step {
  // What cannot be encoded is no step; what comes back holds known fields only.
  const bytes = StepCodec.encode(value as Step).finish();
  if (bytes.length > longest.stepBytes) throw new Error(`is larger than ${longest.stepBytes} bytes`);
  const step = StepCodec.decode(bytes);
  const deadlineMs = durationToMs(step.deadline) ?? 0;
  if (step.name === '') throw new Error('has no name');
  if (deadlineMs <= 0 || deadlineMs > longest.deadlineMs) throw new Error('has no deadline, or one of more than an hour');
  checkAction(step.action);
  return step;
}

function checkAction(action: Action | undefined): void {
  const { kind } = action ?? {};
  switch (kind?.$case) {
    case 'command':
      if (!kind.value.argv[0]) throw new Error('runs no program');
      if (kind.value.argv.some((word) => word.includes('\0'))) throw new Error('has a NUL character in its command');
      return;
    case 'erlangApply':
      if (kind.value.module === '' || kind.value.function === '') throw new Error('calls no function');
      return;
    case 'erlangEval':
      if (kind.value.expressions.trim() === '') throw new Error('evaluates nothing');
      return;
    default:
      throw new Error('does nothing');
  }
}
