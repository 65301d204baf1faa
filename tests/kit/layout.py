"""What can be asked of a page's layout, as scripts that answer with what is wrong."""

TOO_WIDE = """() => [...document.querySelectorAll('main *')].filter((e) =>
  e.checkVisibility() && !e.closest('.unseen, pre, thead') &&
  e.getBoundingClientRect().right > innerWidth + 0.5
).map((e) => e.outerHTML.slice(0, 120))"""

CUT_OFF = """() => [...document.querySelectorAll('main *')].filter((e) => {
  const apart = '.unseen, thead, input, textarea, select, progress, svg';
  if (!e.checkVisibility() || e.closest(apart)) return false;
  if (e.clientWidth <= 1) return false;
  const { overflowX, overflowY } = getComputedStyle(e);
  const shut = (how) => how === 'hidden' || how === 'clip';
  return (shut(overflowX) && e.scrollWidth > e.clientWidth + 1) ||
    (shut(overflowY) && e.scrollHeight > e.clientHeight + 1);
}).map((e) => e.outerHTML.slice(0, 120))"""

OUTSIDE_ITS_BOX = """() => [...document.querySelectorAll('main .value, main .leaf, main q')].filter((e) => {
  if (!e.checkVisibility() || e.closest('.unseen')) return false;
  const place = e.closest('dd, dt, h1, h2, h3, li, td, pre, label, small, p') ?? e.parentElement;
  const box = place.getBoundingClientRect();
  const range = document.createRange();
  range.selectNodeContents(e);
  const beyond = (r) => r.width > 0 && (r.left < box.left - 1 || r.right > box.right + 1);
  return [...range.getClientRects()].some(beyond);
}).map((e) => e.outerHTML.slice(0, 120))"""

MOVES = """() => [...document.querySelectorAll('*')].filter((e) => {
  const { transitionDuration, animationName } = getComputedStyle(e);
  return transitionDuration !== '0s' || animationName !== 'none';
}).map((e) => e.outerHTML.slice(0, 120))"""

LARGE_TEXT = "document.documentElement.style.fontSize = '200%'"

OVER_THE_BAR = """() => {
  const bar = document.querySelector('.decide');
  const { left, top, width, height } = bar.getBoundingClientRect();
  const share = [0.05, 0.3, 0.5, 0.7, 0.95];
  const at = (x, y) => document.elementFromPoint(left + x * width, top + y * height);
  const over = share.flatMap((x) => share.map((y) => at(x, y))).filter((e) => !bar.contains(e));
  return over.map((e) => e?.outerHTML.slice(0, 120) ?? 'beyond the screen');
}"""
"""What lies over the place where a person decides."""
