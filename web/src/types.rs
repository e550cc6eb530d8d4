//! The types of the exports in TypeScript.

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Steps done, steps in all, and the one that comes. */
export type Progress = (done: number, all: number, what: string) => void;
/** What exports throw: the message, what to do, and whether the device is gone. */
export interface Failure extends Error { hint: string; lost: boolean }
export interface DeviceInfo {
  /** Vendor and architecture; browsers hide the adapter's name. */
  name: string;
  kind: string;
  /** Whether the CPU does the work. */
  software: boolean;
  summary: string;
  version: string;
  subgroups: boolean;
  maxBufferBytes: number;
  maxBindingBytes: number;
}
export interface ModelFile { name: string; file: Blob }
export interface ModelNeeds { name: string; imageSize: number; patchSize: number; parameters: number; deviceBytes: number }
export interface ModelInfo {
  name: string; imageSize: number; patchSize: number; demonstration: boolean;
  object: string; defects: string[]; goodPhotos: number; deviceBytes: number; notes: string[];
}
export interface NamedBytes { name: string; bytes: Uint8Array }
export interface DefectBox { x: number; y: number; width: number; height: number; score: number; area: number; type: string }
export interface ScoredImage {
  path: string; width: number; height: number; score: number; verdict?: "good" | "defective";
  type: string; type_probability: number; probabilities: Record<string, number>; boxes: DefectBox[];
  evidence?: { words: number; distance: number }; notes?: string[];
}
export interface FailedImage { path: string; error: string; hint: string }
/** Pictures as `data:` URLs. */
export interface Pictures {
  size: [number, number]; thumbnail: string; heat: string; class_maps: [string, string][]; likeness?: [string, string][];
}
export interface PhotoOutcome {
  index: number; result: ScoredImage | FailedImage; pictures: Pictures | null; seconds: number;
  /** How anomalous each pixel of the model's input is, row by row; empty where the photo could not be read. */
  map: Float32Array;
}
/** `results.json` and `report.html`. */
export interface Documents { results: string; report: string }
export interface GoodInfo { photos: number; notes: string[] }
export interface KernelVerdict { kernel: string; cases: number; runs: number; failed: number; worst: number }
export interface CheckOutcome {
  passed: boolean; partial: boolean; runs: number; failed: number; seconds: number; kernels: KernelVerdict[];
  json: string; text: string;
}
export interface BenchOutcome { json: string; text: string; svg: string; partial: boolean }
"#;
