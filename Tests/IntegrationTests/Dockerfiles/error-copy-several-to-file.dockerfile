FROM corpus-base
COPY a.txt b.txt /file
#: fails
