import { expect, test } from "vitest";
import { withoutEventHandlers } from "./paste";

test.each([
  [`<img src="x" onerror="alert(1)">`, `<img src="x" >`],
  [`<IMG SRC=x OnError = 'a > b' alt=y>`, `<IMG SRC=x  alt=y>`],
  [`<svg/onload=alert(1)>`, `<svg/>`],
  [`<p title="a > b" onclick=x() class=c>one</p>`, `<p title="a > b"  class=c>one</p>`],
  [`<body\nonload\n=\n"x()">`, `<body\n>`],
  [`<input disabled onfocus autofocus>`, `<input disabled  autofocus>`],
])("takes event handlers out: %s", (pasted, expected) => {
  expect(withoutEventHandlers(pasted)).toBe(expected);
});

test.each([
  `<p title="from onboarding=yes on">She went on = and on onclick="x"</p>`,
  `<a href='/?on=1&once="2"'>3 < 4 on=5</a>`,
  `<b style="font-weight:normal" data-on="1">x</b><!-- onerror="1" -->`,
  `an unfinished <p onclick=`,
])("lets all else alone: %s", (pasted) => {
  expect(withoutEventHandlers(pasted)).toBe(pasted);
});
