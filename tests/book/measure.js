// What on a page is wider than the window, which formulas scroll, and which texts have too
// little contrast (WCAG).
(() => {
  const channels = colour => (colour.match(/[\d.]+/g) || []).map(Number);
  const over = (top, below) => {
    const alpha = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map(i => top[i] * alpha + below[i] * (1 - alpha));
  };
  const light = colour => {
    const [r, g, b] = colour.map(c => c / 255)
      .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const papers = new Map([[null, dark ? [18, 18, 18] : [255, 255, 255]]]);
  const paper = element => {
    if (!papers.has(element)) {
      const top = channels(getComputedStyle(element).backgroundColor);
      papers.set(element, over(top, paper(element.parentElement)));
    }
    return papers.get(element);
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest('script, style, svg')) continue;
    if (!element.checkVisibility()) continue;
    const below = paper(element);
    const [a, b] = [light(over(channels(getComputedStyle(element).color), below)), light(below)]
      .sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${element.tagName}.${element.className}: `
                                + texts.currentNode.data.trim().slice(0, 40));
  }
  const root = document.documentElement;
  const wide = root.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *')]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .filter(e => !e.closest('table, .scroll, .formula, svg')).slice(0, 5)
    .map(e => `${e.tagName}.${e.className}`);
  const cut = [...document.querySelectorAll('.formula')]
    .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText.slice(0, 40));
  return {width: innerWidth, needed: root.scrollWidth, wide, cut, faint: [...new Set(faint)]};
})()
