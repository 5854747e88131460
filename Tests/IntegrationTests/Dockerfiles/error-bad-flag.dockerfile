FROM corpus-base
COPY --chmdo=1 a.txt /
#: fails unknown flag: --chmdo
