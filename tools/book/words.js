// A tap on a word of the glossary shows its meaning first, a second one follows the link; Escape
// hides it. Without this script, hovering and the keyboard's focus show it all the same.
document.querySelectorAll('a.term').forEach(term => {
  let shown = false;
  term.addEventListener('click', event => {
    if (matchMedia('(hover: none)').matches && !shown) { event.preventDefault(); shown = true; }
  });
  term.addEventListener('blur', () => { shown = false; });
  term.addEventListener('keydown', event => { if (event.key === 'Escape') term.blur(); });
});
