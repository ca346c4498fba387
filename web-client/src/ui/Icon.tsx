/** Our icons: strokes on a grid of 20, drawn in the colour of the text. */
const SHAPES = {
  back: "M12.5 4.5 7 10l5.5 5.5",
  plus: "M10 4v12M4 10h12",
  close: "M5 5l10 10M15 5 5 15",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  check: "M4.5 10.5l3.7 3.7L15.5 6.5",
  dots: "M5 10h.01M10 10h.01M15 10h.01",
  wait: "M10 5.5V10l3 2M17 10a7 7 0 1 1-14 0 7 7 0 0 1 14 0Z",
  offline: "M3 3l14 14M5.2 8.6A4 4 0 0 0 6 16h8.5M8 5.6a5 5 0 0 1 6.9 3.6 3.4 3.4 0 0 1 2 5.2",
  alert: "M10 7v4M10 13.8h.01M10 3 18 16.5H2L10 3Z",
  eye: "M2 10s3-5.5 8-5.5S18 10 18 10s-3 5.5-8 5.5S2 10 2 10ZM12.3 10a2.3 2.3 0 1 1-4.6 0 2.3 2.3 0 0 1 4.6 0Z",
  undo: "M7.5 4 4 7.5 7.5 11M4 7.5h7.5a4.5 4.5 0 0 1 0 9H8",
  redo: "M12.5 4 16 7.5 12.5 11M16 7.5H8.5a4.5 4.5 0 0 0 0 9H12",
  link: "M8.5 11.5a3 3 0 0 0 4.3 0l2.6-2.6a3 3 0 0 0-4.3-4.3l-.9.9M11.5 8.5a3 3 0 0 0-4.3 0l-2.6 2.6a3 3 0 0 0 4.3 4.3l.9-.9",
  bullets: "M8 5h9M8 10h9M8 15h9M3.5 5h.01M3.5 10h.01M3.5 15h.01",
  numbers: "M9 5h8M9 10h8M9 15h8M3 3.8l1.2-.6V7M2.8 11.6c.4-.9 2.2-.9 2.2.3 0 .9-2.2 1.5-2.2 2.6h2.3",
  indent: "M9 5h8M9 10h8M9 15h8M3 7.5 5.5 10 3 12.5",
  outdent: "M9 5h8M9 10h8M9 15h8M5.5 7.5 3 10l2.5 2.5",
  archive: "M3 4h14v3.5H3zM4.5 7.5V16h11V7.5M8 10.5h4",
  restore: "M4 10a6 6 0 1 1 2 4.5M4 15v-3.5h3.5",
  invite:
    "M8 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2.5 16.5c.5-3 2.7-4.5 5.5-4.5 1.3 0 2.5.3 3.4 1M15 11.5v5M12.5 14h5",
  people:
    "M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2 16.5c.5-3 2.7-4.5 5.5-4.5s5 1.5 5.5 4.5M13 9.5a2.7 2.7 0 1 0-1-5.2M14.5 12.2c1.9.5 3.1 1.9 3.5 4.3",
  key: "M9.2 10.8a3.2 3.2 0 1 1-4.6 4.5 3.2 3.2 0 0 1 4.6-4.5ZM9.2 10.8l7.3-7.3M13.5 6.5l2.5 2.5",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.8 10.5h7.4L14.5 6M8.5 9v4.5M11.5 9v4.5",
  leave: "M8 4H4.5v12H8M12 6.5 15.5 10 12 13.5M15.5 10H8",
  down: "M5.5 8 10 12.5 14.5 8",
  copy: "M7 7h9v9H7zM13 7V4H4v9h3",
  account_plan: "M5 3h10v14H5zM8 13.5v-2M10 13.5V7M12 13.5v-4",
  collateral_note: "M4 3.5h12v9L12 16.5H4zM12 16.5v-4h4M7 7h6M7 10h3.5",
  meeting_agenda: "M3.5 5h13v11.5h-13zM3.5 8.5h13M7 3v3.5M13 3v3.5M7 12.5l1.8 1.6L12.5 11",
  document: "M5 3h7l3 3v11H5zM8 10h4M8 13h4",
} as const;

export type IconName = keyof typeof SHAPES;

/** Decoration only: whatever it stands for is also said in words. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === "more" || name === "dots" ? 2.6 : 1.7}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={SHAPES[name]} />
    </svg>
  );
}
