/** What a check can find, as data. Every finding names one object, and which snapshots and files it touches. */
import type { BlobKind } from '../blobs/kind.ts';
import type { BlobId, SnapshotId } from '../ids.ts';

/** Errors mean that something cannot be restored or that other tools will refuse; hints mean untidiness without loss. */
export const FINDING_SEVERITY = {
  'key-damaged': 'error',
  'index-damaged': 'error',
  'index-conflict': 'error',
  'pack-missing': 'error',
  'pack-size': 'error',
  'pack-damaged': 'error',
  'snapshot-damaged': 'error',
  'tree-missing': 'error',
  'tree-damaged': 'error',
  'tree-invalid': 'error',
  'blob-missing': 'error',
  'pack-unindexed': 'hint',
  'pack-duplicate': 'hint',
  'pack-mixed': 'hint',
  'tree-unusual': 'hint',
} as const;

export type FindingKind = keyof typeof FINDING_SEVERITY;

/** A blob by kind and id. */
export interface BlobRef {
  readonly kind: BlobKind;
  readonly id: BlobId;
}

/** One finding. */
export interface Finding {
  readonly kind: FindingKind;
  readonly severity: 'error' | 'hint';
  /** What the finding is about: an object of the repository, or a blob inside one. */
  readonly object: 'key' | 'index' | 'pack' | 'snapshot' | 'tree' | 'data';
  readonly id: string;
  /** What was expected and what was found; a full sentence without the id's type. */
  readonly message: string;
  /** Blobs that are lost by it: no other copy is whole. */
  readonly blobs: readonly BlobRef[];
  /** Snapshots that are not whole because of it. */
  readonly snapshots: readonly SnapshotId[];
  /** Paths in those snapshots, the first of them: files, and directories (with a slash at the end) that are lost as a whole. */
  readonly paths: readonly string[];
  /** How many paths there are, listed or not; a path counts once per snapshot. */
  readonly pathCount: number;
}

/** Paths listed per finding: enough to recognise, bounded when a whole pack of small files is lost. */
export const MAX_PATHS = 100;

/** A finding while the check runs. */
export interface FindingDraft {
  readonly kind: FindingKind;
  readonly object: Finding['object'];
  readonly id: string;
  readonly message: string;
  readonly blobs: BlobRef[];
  readonly snapshots: Set<SnapshotId>;
  readonly paths: Set<string>;
  pathCount: number;
}

/** Collects findings and remembers which blobs each one costs. */
export class Findings {
  readonly drafts: FindingDraft[] = [];
  readonly #byBlob: Map<string, FindingDraft[]> = new Map();

  add(
    kind: FindingKind,
    object: Finding['object'],
    id: string,
    message: string,
    lost: readonly BlobRef[] = [],
  ): FindingDraft {
    const draft: FindingDraft = {
      kind,
      object,
      id,
      message,
      blobs: [],
      snapshots: new Set(),
      paths: new Set(),
      pathCount: 0,
    };
    this.drafts.push(draft);
    for (const blob of lost) this.lose(draft, blob);
    return draft;
  }

  /** Records that a blob is lost by a finding. */
  lose(draft: FindingDraft, blob: BlobRef): void {
    draft.blobs.push(blob);
    const key = blobKey(blob.kind, blob.id);
    const drafts = this.#byBlob.get(key);
    if (drafts === undefined) this.#byBlob.set(key, [draft]);
    else drafts.push(draft);
  }

  /** Returns the findings that cost a blob; none for a whole one. */
  of(kind: BlobKind, id: BlobId): readonly FindingDraft[] {
    return this.#byBlob.get(blobKey(kind, id)) ?? [];
  }

  get anyLost(): boolean {
    return this.#byBlob.size > 0;
  }

  /** Returns all findings, errors first, in order of discovery. */
  done(): Finding[] {
    const findings = this.drafts.map(
      (draft): Finding => ({
        ...draft,
        severity: FINDING_SEVERITY[draft.kind],
        snapshots: [...draft.snapshots],
        paths: [...draft.paths],
      }),
    );
    return [...findings.filter((f) => f.severity === 'error'), ...findings.filter((f) => f.severity === 'hint')];
  }
}

function blobKey(kind: BlobKind, id: BlobId): string {
  return `${kind} ${id}`;
}
