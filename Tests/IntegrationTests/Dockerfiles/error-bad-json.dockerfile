FROM corpus-base
SHELL bash
#: fails JSON form
