FROM corpus-base
COPY --link a.txt /made/a.txt
