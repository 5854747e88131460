# syntax=docker/dockerfile:1
FROM corpus-base
RUN echo x > /x
