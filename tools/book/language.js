// English, Chinese, or both: the choice is kept. Pictures are described in the chosen language.
// On the site the buttons are made here.
if (!document.querySelector('[data-choice]') && document.querySelector('main .zh')) {
  const group = document.createElement('div');
  group.className = 'languages';
  group.role = 'group';
  group.ariaLabel = 'Language';
  group.innerHTML = '<button type="button" data-choice="en">English</button>' +
    '<button type="button" data-choice="zh" lang="zh-Hans">中文</button>' +
    '<button type="button" data-choice="both" lang="zh-Hans">双语</button>';
  document.querySelector('main').prepend(group);
  try { document.documentElement.dataset.language = localStorage.language || 'en'; } catch { }
}
const choices = [...document.querySelectorAll('[data-choice]')];
function choose(language) {
  document.documentElement.dataset.language = language;
  document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';
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

function say(english, chinese) {
  return document.documentElement.dataset.language === 'zh' ? chinese : english;
}

// Addresses name English places: where those are hidden, the Chinese text beside them is meant.
function follow() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const hidden = place?.closest('.en');
  if (hidden && !hidden.getClientRects().length) hidden.nextElementSibling.scrollIntoView();
}
addEventListener('hashchange', follow);
follow();
