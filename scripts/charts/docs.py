def generated():
    return {}
