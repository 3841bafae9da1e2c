def register_all_modules(init_default_scope: bool = True) -> None:
    """Import all modules of mmhqnet and mmdet that register something.

    ``import mmhqnet`` is enough in general: what a config names is imported
    when it is built. This is for code that wants all of it now, such as
    :func:`mmengine.hub.get_model`.

    ``init_default_scope`` makes ``mmdet``, where our modules are registered as
    well, the default scope.
    """
    from mmdet.utils import register_all_modules as register_mmdet_modules
    register_mmdet_modules(init_default_scope)

    import mmhqnet.datasets  # noqa: F401
    import mmhqnet.engine  # noqa: F401
    import mmhqnet.evaluation  # noqa: F401
    import mmhqnet.models  # noqa: F401
    import mmhqnet.tracking  # noqa: F401
    import mmhqnet.visualization  # noqa: F401


__all__ = ['register_all_modules']
