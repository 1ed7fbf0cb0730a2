// The contents are open where there is room beside the text.
const toc = document.getElementById('toc');
const wide = matchMedia('(min-width: 75rem)');
toc.open = wide.matches;
wide.addEventListener('change', () => { toc.open = wide.matches; });

// English, Chinese, or both: the choice is kept. Pictures are described in the chosen language.
const choices = [...document.querySelectorAll('[data-choice]')];
function choose(language) {
  document.documentElement.dataset.language = language;
  choices.forEach(button => button.setAttribute('aria-pressed', button.dataset.choice === language));
  document.querySelectorAll('[data-alt]').forEach(section => {
    section.querySelectorAll('img').forEach(image => {
      image.dataset.english ??= image.alt;
      image.alt = language === 'zh' ? section.dataset.alt : image.dataset.english;
    });
  });
}
choices.forEach(button => button.addEventListener('click', () => {
  choose(button.dataset.choice);
  try { localStorage.language = button.dataset.choice; } catch { }
}));
choose(document.documentElement.dataset.language || 'en');

// Addresses name English places: where those are hidden, the Chinese text beside them is meant.
function follow() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const hidden = place?.closest('.en');
  if (hidden && !hidden.getClientRects().length) hidden.nextElementSibling.scrollIntoView();
}
addEventListener('hashchange', follow);
follow();

// A button copies a cell.
document.querySelectorAll('.highlight').forEach(box => {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    try { await navigator.clipboard.writeText(box.querySelector('pre').textContent); }
    catch { getSelection().selectAllChildren(box.querySelector('pre'));
            document.execCommand('copy'); }
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  box.append(button);
});

// The search looks for sections that have all words; those with one in their title come first.
const query = document.getElementById('query'), list = document.getElementById('found');
document.getElementById('search').addEventListener('submit', event => event.preventDefault());
query.addEventListener('input', () => {
  const words = query.value.toLowerCase().split(/\s+/).filter(word => word.length > 1);
  const has = (text, word) => text.toLowerCase().includes(word);
  const hits = words.length && typeof BOOK !== 'undefined' ? BOOK
    .filter(([, page, title, text]) => words.every(w => has(`${page} ${title} ${text}`, w)))
    .map(section => [words.filter(w => has(section[2], w)).length, section])
    .sort((a, b) => b[0] - a[0]).slice(0, 12) : [];
  list.replaceChildren(...hits.map(([, [href, page, title, text]]) => {
    const item = document.createElement('li'), link = document.createElement('a');
    const place = Math.max(0, text.toLowerCase().indexOf(words[0]) - 40);
    link.href = href;
    link.textContent = title === page ? page : `${page}: ${title}`;
    item.append(link, document.createElement('br'), `… ${text.slice(place, place + 120)} …`);
    return item;
  }));
  if (words.length && !hits.length) list.textContent = 'Nothing found';
  list.hidden = !words.length;
});
query.addEventListener('keydown', event => {
  if (event.key === 'Escape') { query.value = ''; list.hidden = true; }
});
