/** Where a document is: in use, put away, or thrown away. */
export type Shelf = "current" | "archive" | "trash";

export const SHELVES: readonly Shelf[] = ["current", "archive", "trash"];
