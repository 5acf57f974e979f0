"""A synthetic world: licence-free annotated video with exact truth.

``world.Clip(seed)`` is the whole interface: frames with masks, amodal masks, occlusion, blur, identity.
``figures`` draws who lives there, ``scenery`` where, ``casting`` what they do, ``rendering`` how the
camera sees it, ``annotations`` how it is written down.
"""
