"""Les langues, leurs codes et leurs noms : ce qu'une requête peut dire d'une langue, et ce qu'on lui en rend.

Les langues sont celles que Whisper et Canary connaissent ; les noms anglais, ceux que rend l'API d'OpenAI.
"""

import re
import unicodedata

# Code ISO 639-1 (sinon 639-3), nom anglais, puis les autres : français, dans la langue même, codes ISO 639-2.
_TABLE = """
af: afrikaans, afr
am: amharic, amharique, አማርኛ, amh
ar: arabic, arabe, العربية, ara
as: assamese, assamais, অসমীয়া, asm
az: azerbaijani, azerbaïdjanais, azərbaycan, aze
ba: bashkir, bachkir, башҡорт, bak
be: belarusian, biélorusse, беларуская, bel
bg: bulgarian, bulgare, български, bul
bn: bengali, বাংলা, ben
bo: tibetan, tibétain, བོད་སྐད་, bod, tib
br: breton, brezhoneg, bre
bs: bosnian, bosniaque, bosanski, bos
ca: catalan, català, valencian, cat
cs: czech, tchèque, čeština, ces, cze
cy: welsh, gallois, cymraeg, cym, wel
da: danish, danois, dansk, dan
de: german, allemand, deutsch, deu, ger
el: greek, grec, ελληνικά, modern greek, ell, gre
en: english, anglais, eng
es: spanish, espagnol, español, castilian, spa
et: estonian, estonien, eesti, est
eu: basque, euskara, eus, baq
fa: persian, persan, فارسی, farsi, fas, per
fi: finnish, finnois, suomi, fin
fo: faroese, féroïen, føroyskt, fao
fr: french, français, fra, fre
gl: galician, galicien, galego, glg
gu: gujarati, goudjarati, ગુજરાતી, guj
ha: hausa, haoussa, hau
haw: hawaiian, hawaïen, ʻōlelo hawaiʻi
he: hebrew, hébreu, עברית, iw, heb
hi: hindi, हिन्दी, hin
hr: croatian, croate, hrvatski, hrv
ht: haitian creole, créole haïtien, kreyòl ayisyen, haitian, hat
hu: hungarian, hongrois, magyar, hun
hy: armenian, arménien, հայերեն, hye, arm
id: indonesian, indonésien, indonesia, in, ind
is: icelandic, islandais, íslenska, isl, ice
it: italian, italien, italiano, ita
ja: japanese, japonais, 日本語, jpn
jw: javanese, javanais, jawa, jv, jav
ka: georgian, géorgien, ქართული, kat, geo
kk: kazakh, қазақ тілі, kaz
km: khmer, ខ្មែរ, khm
kn: kannada, ಕನ್ನಡ, kan
ko: korean, coréen, 한국어, kor
la: latin, latina, lat
lb: luxembourgish, luxembourgeois, lëtzebuergesch, letzeburgesch, ltz
ln: lingala, lingála, lin
lo: lao, ລາວ
lt: lithuanian, lituanien, lietuvių, lit
lv: latvian, letton, latviešu, lav
mg: malagasy, malgache, mlg
mi: maori, māori, mri, mao
mk: macedonian, macédonien, македонски, mkd, mac
ml: malayalam, മലയാളം, mal
mn: mongolian, mongol, монгол, mon
mr: marathi, मराठी, mar
ms: malay, malais, melayu, msa, may
mt: maltese, maltais, malti, mlt
my: myanmar, birman, မြန်မာ, burmese, mya, bur
ne: nepali, népalais, नेपाली, nep
nl: dutch, néerlandais, nederlands, flemish, nld, dut
nn: nynorsk, norvégien nynorsk, norsk nynorsk, nno
no: norwegian, norvégien, norsk, nb, nob, nor
oc: occitan, oci
pa: punjabi, pendjabi, ਪੰਜਾਬੀ, panjabi, pan
pl: polish, polonais, polski, pol
ps: pashto, pachto, پښتو, pushto, pus
pt: portuguese, portugais, português, por
ro: romanian, roumain, română, moldavian, moldovan, mo, ron, rum
ru: russian, russe, русский, rus
sa: sanskrit, संस्कृत भाषा, san
sd: sindhi, سنڌي, snd
si: sinhala, cingalais, සිංහල, sinhalese, sin
sk: slovak, slovaque, slovenčina, slk, slo
sl: slovenian, slovène, slovenščina, slv
sn: shona, chishona, sna
so: somali, soomaali, som
sq: albanian, albanais, shqip, sqi, alb
sr: serbian, serbe, српски, srp
su: sundanese, soundanais, basa sunda, sun
sv: swedish, suédois, svenska, swe
sw: swahili, kiswahili, swa
ta: tamil, tamoul, தமிழ், tam
te: telugu, télougou, తెలుగు, tel
tg: tajik, tadjik, тоҷикӣ, tgk
th: thai, thaï, ไทย, tha
tk: turkmen, turkmène, türkmen dili, tuk
tl: tagalog, fil, filipino
tr: turkish, turc, türkçe, tur
tt: tatar, татар, tat
uk: ukrainian, ukrainien, українська, ukr
ur: urdu, ourdou, اردو, urd
uz: uzbek, ouzbek, o‘zbek, uzb
vi: vietnamese, vietnamien, tiếng việt, vie
yi: yiddish, ייִדיש, ji, yid
yo: yoruba, èdè yorùbá, yor
yue: cantonese, cantonais, 粵語
zh: chinese, chinois, 中文, mandarin, cmn, zho, chi
"""

_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{1,8})*")
"""Étiquette BCP 47 ; `_` y est admis, comme dans les noms de locales."""


def _plain(text: str) -> str:
    """Texte en minuscules, sans espaces autour ni accents."""
    letters = unicodedata.normalize("NFD", text.strip().casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


NAMES: dict[str, str] = {}
"""Nom anglais de chaque code."""
_CODES: dict[str, str] = {}

for _line in _TABLE.strip().splitlines():
    _code, _names = _line.split(": ")
    NAMES[_code] = _names.split(", ")[0]
    _CODES[_code] = _code
    for _name in _names.split(", "):
        _CODES[_plain(_name)] = _code


def language_code(told: str) -> str | None:
    """Code d'une langue dite par son code, une étiquette BCP 47 ou son nom ; `None` si ce n'en est pas la forme.

    Un code bien formé, mais inconnu ici, est rendu tel quel : le moteur en juge.
    """
    text = _plain(told)
    if known := _CODES.get(text):
        return known
    tag = _TAG.fullmatch(text)
    return _CODES.get(tag[1], tag[1]) if tag else None


def language_name(code: str) -> str:
    """Nom anglais d'une langue, en minuscules ; son code si elle est inconnue."""
    return NAMES.get(code, code)
