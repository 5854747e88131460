FROM corpus-base
#: fails could not be found
#: target nope
