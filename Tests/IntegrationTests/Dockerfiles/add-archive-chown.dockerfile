FROM corpus-base
ADD --chown=12:34 a.txt /x/
