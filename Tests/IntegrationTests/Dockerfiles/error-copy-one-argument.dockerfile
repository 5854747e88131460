FROM corpus-base
COPY a.txt
#: fails requires at least two arguments
