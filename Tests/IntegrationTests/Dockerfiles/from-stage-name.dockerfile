FROM corpus-base AS first
RUN echo 1 > /one
FROM first AS Second
RUN echo 2 > /two
FROM second
RUN cat /one /two > /three
#: peers docker
