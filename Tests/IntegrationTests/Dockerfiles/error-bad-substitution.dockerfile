FROM corpus-base
ENV a=${b
#: fails missing
