"""The protocols of `aws` in little: JSON over one kept-alive connection, for the functions on the login path.

boto3 is most of a cold start and of a warm call's CPU, for what are eight operations of two services here. This says
the same to AWS and understands the same answers; tests/lean hold it to botocore. Only wiring imports this room.
"""
