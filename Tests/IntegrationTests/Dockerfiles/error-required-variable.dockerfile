FROM corpus-base
ENV a="${b:?give it}"
#: fails give it
