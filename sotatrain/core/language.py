"""The language in which the questions are asked: English, or Chinese."""
import os

__all__ = ['LANGUAGES', 'chosen', 'say']

LANGUAGES = 'en', 'zh'

CHINESE = {
    'choice': '选择题',
    'number': '数值题',
    'code': '代码题',
    'free text': '简答题',
    'Hint {}': '提示{}',
    'Answer': '答案',
    '{} (hint {} of {})': '{}（提示{}，共{}个）',
    'Not yet. {}': '还不对。{}',
    'It agrees in all {} cases.': '全部{}种情况都一致。',
    'With {}, your function gives {}; it should be {}. {}':
        '输入是{}时，你的函数给出{}，应该是{}。{}',
    'Compare. Does your answer have these points?\n\n{}\n\nOne good answer:\n\n> {}':
        '对照一下。你的答案有没有这些要点？\n\n{}\n\n一个好答案：\n\n> {}',
    '| chapter | done | | next |': '| 章 | 完成 | | 下一题 |',
    '{} of {}': '{}/{}',
    'all done': '全部完成'}


def chosen(
    language: str = None,  # `'en'` or `'zh'`
) -> str:
    """`language`; if not given, the environment variable `SOTATRAIN_LANGUAGE`, or English.

    Raises `ValueError` for another language."""
    found = language or os.environ.get('SOTATRAIN_LANGUAGE') or 'en'
    if found not in LANGUAGES:
        raise ValueError(f"no language {found!r}: choose one of {', '.join(LANGUAGES)}")
    return found


def say(
    language: str,  # `'en'` or `'zh'`
    text: str,      # in English, with `{}` for each value
    *values,
) -> str:
    "The text in that language, with the values in place."
    return (CHINESE[text] if language == 'zh' else text).format(*values)
