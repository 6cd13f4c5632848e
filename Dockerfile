FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY adapters adapters
COPY receiver receiver
RUN useradd --system receiver && mkdir /data && chown receiver /data
USER receiver
EXPOSE 8080
CMD ["python", "-m", "receiver", "serve"]
