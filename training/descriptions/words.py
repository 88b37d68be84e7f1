"""The keyword reader's words: what people call genres, wishes that no genre holds, likes, dislikes, and orders."""

import re

GENRES: dict[str, str] = {
    "Action": r"actions?|shoot ?em ?ups?|martial arts|kung ?fu|car chases?",
    "Adventure": r"adventur\w+|quests?|swashbuckl\w+|treasure hunts?",
    "Animation": r"animat\w+|animes?|cartoons?|pixar|ghibli",
    "Comedy": r"comed(?:y|ies|ic)|funny|hilarious|humou?r\w*|slapstick|laughs?|satires?|spoofs?|parod(?:y|ies)",
    "Crime": r"crimes?|criminals?|gangsters?|gangsta|mafia|mobsters?|mob (?:movies?|films?)|heists?|noir",
    "Documentary": r"documentar(?:y|ies)|docs?|docus?|docum[ae]nt\w*|true facts",
    "Drama": r"dramas?|dramatic|tear ?jerkers?",
    "Family": r"family(?! (?:name|member))|kids?(?:'s)? (?:movies?|films?|stuff)|children'?s|for (?:the )?kids|"
    r"disney",
    "Fantasy": r"fantas(?:y|ies)|magic|wizards?|dragons?|elves|sword and sorcery|fairy ?tales?",
    "Foreign": r"foreign|world cinema|(?:french|italian|korean|japanese|indian|european|asian) (?:cinema|films?|"
    r"movies?)|bollywood",
    "History": r"histor(?:y|ical|ic)|period (?:pieces?|dramas?|films?|movies?)|costume (?:dramas?|films?)",
    "Horror": r"horrors?|scary|scare[sd]?|creepy|slashers?|zombies?|spooky|ghost (?:stories|movies?|films?)|"
    r"gore|gory",
    "Music": r"musicals?|music(?:al)? (?:movies?|films?)|music|concert films?|song and dance",
    "Mystery": r"myster(?:y|ies)|who ?dun+its?|detectives?|sleuths?",
    "Romance": r"roman(?:ce|ces|tic)|rom ?-?coms?|love stor(?:y|ies)|chick flicks?|romantic comed(?:y|ies)",
    "Science Fiction": r"sci ?-?fi|science[ -]fiction|sf|space (?:movies?|films?|stuff|operas?|travel)|"
    r"outer space|time travel|"
    r"robots?|aliens? (?:movies?|films?)|cyberpunk|dystopi\w+",
    "Thriller": r"thrillers?|suspense\w*|nail ?biters?|edge of (?:my|the) seat",
    "War": r"wars?|world war|vietnam|combat|military",
    "Western": r"westerns?|cowboys?|wild west|gunslingers?",
}
GENRE_PATTERN = re.compile("|".join(rf"(?P<g{n}>\b(?:{words})\b)" for n, words in enumerate(GENRES.values())))
GENRE_NAMES = tuple(GENRES)

WISHES: dict[str, str] = {
    "old": r"\bclassics?\b|\b(?:old|older|vintage)\b(?! (?:friend|man|woman))|black and white|used to\b|golden age",
    "new": r"\bnew(?:er|est)? (?:releases?|movies?|films?|ones|stuff)\b|\bnewer\b|\bmodern\b|\brecent\b|"
    r"\bcontemporary\b",
    "popular": r"\bpopular\b|\bblockbusters?\b|\bmainstream\b|\btrending\b|\bwell[ -]known\b|\bfamous\b|"
    r"every(?:body|one) (?:else )?(?:watch|is watching|sees|likes)|\bhits\b|\btop (?:ten|10)\b",
    "obscure": r"hidden gems?|\bobscure\b|\bunknown\b|\bindie\b|\bunderrated\b|\bcult\b|off the beaten|"
    r"nobody (?:has )?(?:heard|knows)",
    "good": r"well[ -]made|\bcritics?\b|\bquality\b|award|\boscars?\b|\bmasterpieces?\b|really good|critically",
    "bad": r"\btrash\w*|guilty pleasures?|so bad|\bb[- ]movies?\b|\bcheesy\b",
}
OPPOSITE = {"old": "new", "new": "old", "popular": "obscure", "obscure": "popular", "good": "bad", "bad": "good"}
DECADE = re.compile(
    r"\b(?:the )?(?:mid |late |early )?'?(?:(?P<century>19|20)?(?P<tens>[0-9])0'?s\b|(?P<name>twenties|thirties|"
    r"forties|"
    r"fifties|sixties|seventies|eighties|nineties)\b)"
)
DECADE_NAMES = {
    "twenties": 1920, "thirties": 1930, "forties": 1940, "fifties": 1950, "sixties": 1960, "seventies": 1970,
    "eighties": 1980, "nineties": 1990,
}  # fmt: skip

_LIKING = r"(?:like|love|enjoy|adore|prefer|want|pick|watch|mind|care for|understand|recommend)\w*"
CUES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(  # the first that matches at a place counts, later places win
    (what, re.compile(pattern))
    for what, pattern in (
        ("double", r"\b(?:do ?n'?t|do not|never|not|can'?t|cannot) (?:really |actually )?(?:mind|hate|dislike|"
        r"despise|get enough|"
         r"go wrong|tire|get tired)\w*(?: of)?|\bnot only\b|\bno(?:thing|body|t one)\b[^,.;]{0,20}\b(?:beats?|"
         r"tops?|topped|better|"
         r"compares?)\b|\bnot (?:a )?bad\b"),
        ("flip", r"\b(?:anything|everything|all|nothing|none) (?:else )?but\b|\bexcept(?:ing)?(?: for)?\b|"
        r"\bapart from\b|"
         r"\bother than\b|\bbut not\b"),
        ("against", rf"\b(?:do(?:es)?|did|would|could|can|will|wo|wouldn|ca)(?: not|n?'?t) (?:\w+ )?{_LIKING}|"
         rf"\bnever (?:\w+ )?{_LIKING}|\bnot (?:\w+ )?{_LIKING}"),
        ("against", r"\b(?:can'?t|cannot|can not|could ?n'?t) (?:stand|bear|take|get into|finish)\b|"
        r"\b(?:hat(?:e|ed|es)|detest|"
         r"dislik\w+|loathe\w*|avoid\w*|despise\w*)\b|\b(?:sick|tired) of\b|\bnot (?:a |really |much |into|so )|"
         r"\bno\b|\bnot\b|"
         r"\bnor\b|\bneither\b|\bnever\b|\bwithout\b|\bnothing (?:with|about|newer|older|too)\b|\bkeep (?:away|"
         r"me away)|\bless\b"),
        ("for", rf"\b(?:i|we)(?:'d| would| do| just| really| mostly| also| still| only| always| could| will|"
        r" absolutely)* (?:rather )?"
         rf"(?:see |to )?{_LIKING}|\b(?:fan|admirer|lover) of\b|\bfavou?rites?\b|\bwhat i (?:really )?(?:want|"
         rf"like|love)\b|\binstead\b|"
         r"\brather\b|\bgive me\b|\bpreferabl[ye]\b|\btolerate\b"),
        ("back", r"\bbut\b|\bthough\b|\balthough\b|\bhowever\b|\botherwise\b|\byet\b|\bonly\b"),
    )
)  # fmt: skip
BAD_VERDICT = re.compile(
    r"\b(?:overrated|awful|terrible|boring|a waste|waste of|rubbish|garbage|sucks?|sucked|worst|dull|"
    r"put me to sleep|torture)\b"
)
MILD_VERDICT = re.compile(
    r"\b(?:was|is|were|are)\b[^,.;]{0,8}\b(?:ok|okay|fine|alright|good|great|not bad|the exception)\b"
)

TITLE_BEFORE = re.compile(
    r"\b(?:lov(?:e|ed|ing)|lik(?:e|ed|es)|enjoy(?:ed)?|ador(?:e|ed)|seen|saw|watch(?:ed|ing)?|films?|movies?|"
    r"fan of|such as|"
    r"especially|e\.?g\.?|includ(?:es|ing)|favou?rites?(?: is| are|:)?|with|hat(?:e|ed)|disliked?|not even|than|"
    r"is|are|one:|"
    r"about|on|picks?|topped|beats|up with|return to|titled|called|over|except|through)\s*[:,-]?\s*(?:the |a )?$",
    re.IGNORECASE,
)
TITLE_AFTER = re.compile(
    r"\s*(?:is|was|are|were|has|broke|changed|made|will|put|bored|earns?|\d+/10|(?:very |so |really |"
    r"too )?(?:bad|good|great|nice|awful)|\d+ times|\((?:19|20)\d\d\)|(?:19|20)\d\d)",
    re.IGNORECASE,
)
_PLAIN_WORDS = (
    "i me my we you he she it this that these those a an the and or but if so is are was were be been do does did "
    "not no of in on at to for from with by as all any some more most very too also just only really them they us "
    "our your his her what when where who why how movie movies film films popular good bad new old one two three "
    "yes never always again nothing something anything everything everybody everyone nobody love like likes hate "
    "dislike watch seen best worst"
)
NO_TITLES = frozenset(_PLAIN_WORDS.split())

_READER = (
    r"(?:instructions?|prompts?|system|assistant|admin\w*|catalogue|catalog|json|output|a\.?i\.?|model|chatbot|"
    r"bot|rules?)"
)
ORDER = re.compile(
    rf"\b(?:ignore|disregard|forget|override|bypass)\b.{{0,40}}\b(?:{_READER}|previous|above|everything|all|"
    rf"others?|users?)\b|"
    r"\b(?:system|assistant|user|developer|note to)\b[^.!?]{0,40}:|\b(?:admin(?:istrator)?|developer|"
    r"god) mode\b|</?\w+>|"
    rf"\b(?:recommend|rate|put|answer|reply|respond|output|print|return|say|list|add|set)\b.{{0,60}}\b(?:every|"
    rf"all|each|other|"
    rf"any) (?:users?|lists?|requests?|customers?|genres?|one)\b|"
    rf"\b(?:print|reveal|show|repeat|output|answer|reply|respond|set|use)\b.{{0,40}}\b(?:{_READER}|empty list|"
    rf"catalogue|taste to)\b|"
    r"\bfrom now on\b|\bexactly this\b|\{\s*\"|\badministrator\b",
    re.IGNORECASE | re.DOTALL,
)
