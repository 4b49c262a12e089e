"""Stand-ins for errors of boto3, which is not installed here: classes of the same names."""


def of_package(name: str, *bases: type[Exception]) -> type[Exception]:
    """Make a class of an error, such as 'botocore.exceptions.ClientError'."""
    module, _, qualname = name.rpartition(".")
    return type(qualname, bases or (Exception,), {"__module__": module})


def s3_answer(code: str, status: int) -> Exception:
    """Make the error of an answer of S3, by its code and its HTTP status."""
    error = of_package("botocore.exceptions.ClientError")(f"An error occurred ({code}) when calling PutObject: text")
    error.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}  # type: ignore[attr-defined]
    return error
