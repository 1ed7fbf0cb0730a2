// The contents are open where there is room beside the text.
const toc = document.getElementById('toc');
const wide = matchMedia('(min-width: 75rem)');
toc.open = wide.matches;
wide.addEventListener('change', () => { toc.open = wide.matches; });

// A button copies a cell.
document.querySelectorAll('.highlight').forEach(box => {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.addEventListener('click', async () => {
    try { await navigator.clipboard.writeText(box.querySelector('pre').textContent); }
    catch { getSelection().selectAllChildren(box.querySelector('pre'));
            document.execCommand('copy'); }
    button.classList.add('done');
    setTimeout(() => { button.classList.remove('done'); }, 1500);
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
    .filter(([, text, ...titles]) => words.every(w => has(`${titles.join(' ')} ${text}`, w)))
    .map(section => [words.filter(w => has(`${section[3]} ${section[5]}`, w)).length, section])
    .sort((a, b) => b[0] - a[0]).slice(0, 12) : [];
  const inChinese = document.documentElement.dataset.language === 'zh';
  list.replaceChildren(...hits.map(([, [href, text, ...titles]]) => {
    const [page, title] = inChinese ? titles.slice(2) : titles;
    const item = document.createElement('li'), link = document.createElement('a');
    const place = Math.max(0, text.toLowerCase().indexOf(words[0]) - 40);
    link.href = href;
    link.textContent = title === page ? page : `${page}: ${title}`;
    item.append(link, document.createElement('br'), `… ${text.slice(place, place + 120)} …`);
    return item;
  }));
  if (words.length && !hits.length) list.textContent = say('Nothing found', '没有找到');
  list.hidden = !words.length;
});
query.addEventListener('keydown', event => {
  if (event.key === 'Escape') { query.value = ''; list.hidden = true; }
});
