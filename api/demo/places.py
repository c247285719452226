"""The 51 units of the simulated administration, and the places of their branch offices."""

from __future__ import annotations

from typing import Final, NamedTuple

HEAD_OFFICE: Final = "ho"
GUANGXI: Final = "gx"


class Branch(NamedTuple):
    """A branch office of a unit."""

    code: str
    zh: str
    en: str


class Unit(NamedTuple):
    """A unit of the first level, or the head office; `size` is relative."""

    code: str
    kind: str  # head, inspection, provincial, institution
    zh: str
    en: str
    size: int
    branches: tuple[Branch, ...]


def all_units() -> list[Unit]:
    """The head office and the 51 units below it: 32 inspection bureaus, 13 provincial bureaus, 6 institutions."""
    departments = [name.split(" ", 1) for name in _HEAD_OFFICE_DEPARTMENTS.split(",")]
    units = [
        Unit(
            code=HEAD_OFFICE,
            kind="head",
            zh="质量监督检验检疫总局",
            en="General Administration of Quality Supervision, Inspection and Quarantine",
            size=40,
            branches=tuple(Branch(f"{HEAD_OFFICE}-{n + 1:02d}", zh, en) for n, (zh, en) in enumerate(departments)),
        )
    ]
    for code, zh, en, size, names in _rows(_INSPECTION_BUREAUS):
        titles = (f"{zh}出入境检验检疫局", f"{en} Entry-Exit Inspection and Quarantine Bureau")
        units.append(Unit(code, "inspection", *titles, size, _branches(code, f"{zh}局", en, names)))
    for code, zh, en, size, names in _rows(_PROVINCIAL_BUREAUS):
        titles = (f"{zh}省质量技术监督局", f"{en} Provincial Bureau of Quality and Technical Supervision")
        units.append(Unit(code, "provincial", *titles, size, _branches(code, f"{zh}省局", en, names)))
    for code, zh, en, size, names in _rows(_INSTITUTIONS):
        units.append(Unit(code, "institution", zh, en, size, _branches(code, zh, en, names, suffix="")))
    return units


def _rows(table: str) -> list[tuple[str, str, str, int, str]]:
    rows = []
    for row in table.strip().split("\n"):
        code, zh, en, size, names = row.split("|")
        rows.append((code, zh, en, int(size), names))
    return rows


def _branches(unit: str, unit_zh: str, unit_en: str, names: str, suffix: str = "办事处") -> tuple[Branch, ...]:
    branches = []
    for name in names.split(","):
        zh, en = name.split(" ", 1)
        code = f"{unit}-{en.lower().replace(' ', '-')}"
        branches.append(Branch(code, f"{unit_zh}{zh}{suffix}", f"{unit_en}, {en}{' Branch' if suffix else ''}"))
    return tuple(branches)


# code | Chinese | English | relative size | branches
_INSPECTION_BUREAUS: Final = """
bj|北京|Beijing|30|海淀 Haidian,朝阳 Chaoyang,丰台 Fengtai,顺义 Shunyi,亦庄 Yizhuang,通州 Tongzhou
tj|天津|Tianjin|34|东疆 Dongjiang,塘沽 Tanggu,北辰 Beichen,武清 Wuqing,静海 Jinghai,机场 Airport
he|河北|Hebei|26|石家庄 Shijiazhuang,唐山 Tangshan,秦皇岛 Qinhuangdao,保定 Baoding,沧州 Cangzhou
sx|山西|Shanxi|14|大同 Datong,临汾 Linfen,运城 Yuncheng,长治 Changzhi
nm|内蒙古|Inner Mongolia|20|满洲里 Manzhouli,二连浩特 Erenhot,包头 Baotou,通辽 Tongliao,赤峰 Chifeng
ln|辽宁|Liaoning|32|大连 Dalian,鞍山 Anshan,丹东 Dandong,锦州 Jinzhou,营口 Yingkou,葫芦岛 Huludao
jl|吉林|Jilin|16|珲春 Hunchun,图们 Tumen,通化 Tonghua,白城 Baicheng
hl|黑龙江|Heilongjiang|22|绥芬河 Suifenhe,黑河 Heihe,同江 Tongjiang,东宁 Dongning,牡丹江 Mudanjiang
sh|上海|Shanghai|44|浦东 Pudong,洋山 Yangshan,吴淞 Wusong,外高桥 Waigaoqiao,金山 Jinshan,松江 Songjiang,\
嘉定 Jiading
js|江苏|Jiangsu|42|苏州 Suzhou,无锡 Wuxi,常州 Changzhou,南通 Nantong,连云港 Lianyungang,扬州 Yangzhou,\
镇江 Zhenjiang
zj|浙江|Zhejiang|36|温州 Wenzhou,嘉兴 Jiaxing,绍兴 Shaoxing,金华 Jinhua,台州 Taizhou,舟山 Zhoushan,义乌 Yiwu
nb|宁波|Ningbo|24|北仑 Beilun,慈溪 Cixi,余姚 Yuyao,象山 Xiangshan
ah|安徽|Anhui|18|合肥 Hefei,芜湖 Wuhu,马鞍山 Maanshan,安庆 Anqing,蚌埠 Bengbu
fj|福建|Fujian|28|福州 Fuzhou,泉州 Quanzhou,莆田 Putian,宁德 Ningde,漳州 Zhangzhou
xm|厦门|Xiamen|24|东渡 Dongdu,海沧 Haicang,同安 Tongan,龙岩 Longyan
jx|江西|Jiangxi|16|九江 Jiujiang,赣州 Ganzhou,景德镇 Jingdezhen,上饶 Shangrao
sd|山东|Shandong|42|青岛 Qingdao,烟台 Yantai,威海 Weihai,日照 Rizhao,潍坊 Weifang,济南 Jinan,临沂 Linyi,\
聊城 Liaocheng
ha|河南|Henan|22|洛阳 Luoyang,安阳 Anyang,南阳 Nanyang,商丘 Shangqiu,焦作 Jiaozuo
hb|湖北|Hubei|20|武汉 Wuhan,宜昌 Yichang,襄阳 Xiangyang,黄石 Huangshi,荆州 Jingzhou
hn|湖南|Hunan|18|衡阳 Hengyang,岳阳 Yueyang,株洲 Zhuzhou,常德 Changde
gd|广东|Guangdong|60|广州 Guangzhou,佛山 Foshan,南海 Nanhai,顺德 Shunde,三水 Sanshui,高明 Gaoming,番禺 Panyu,\
南沙 Nansha,花都 Huadu,增城 Zengcheng,从化 Conghua,黄埔 Huangpu,东莞 Dongguan,中山 Zhongshan,江门 Jiangmen,\
新会 Xinhui,\
台山 Taishan,开平 Kaiping,鹤山 Heshan,恩平 Enping,惠州 Huizhou,河源 Heyuan,汕头 Shantou,潮州 Chaozhou,\
揭阳 Jieyang,\
汕尾 Shanwei,梅州 Meizhou,湛江 Zhanjiang,茂名 Maoming,阳江 Yangjiang,肇庆 Zhaoqing,云浮 Yunfu,清远 Qingyuan,\
韶关 Shaoguan
sz|深圳|Shenzhen|40|蛇口 Shekou,皇岗 Huanggang,盐田 Yantian,罗湖 Luohu,宝安 Baoan,龙岗 Longgang
zh|珠海|Zhuhai|20|拱北 Gongbei,横琴 Hengqin,斗门 Doumen,高栏 Gaolan
gx|广西|Guangxi|46|南宁 Nanning,钦州 Qinzhou,北海 Beihai,防城港 Fangchenggang,凭祥 Pingxiang,东兴 Dongxing,\
梧州 Wuzhou,\
桂林 Guilin,柳州 Liuzhou,玉林 Yulin,贵港 Guigang,龙邦 Longbang,水口 Shuikou
hi|海南|Hainan|16|海口 Haikou,三亚 Sanya,洋浦 Yangpu,八所 Basuo
cq|重庆|Chongqing|20|万州 Wanzhou,涪陵 Fuling,江北 Jiangbei,永川 Yongchuan
sc|四川|Sichuan|24|成都 Chengdu,绵阳 Mianyang,泸州 Luzhou,乐山 Leshan,攀枝花 Panzhihua
gz|贵州|Guizhou|12|遵义 Zunyi,六盘水 Liupanshui,安顺 Anshun
yn|云南|Yunnan|24|昆明 Kunming,河口 Hekou,瑞丽 Ruili,磨憨 Mohan,畹町 Wanding
sn|陕西|Shaanxi|20|西安 Xian,宝鸡 Baoji,咸阳 Xianyang,榆林 Yulin,汉中 Hanzhong
gs|甘肃|Gansu|12|兰州 Lanzhou,天水 Tianshui,酒泉 Jiuquan
xj|新疆|Xinjiang|20|乌鲁木齐 Urumqi,阿拉山口 Alashankou,霍尔果斯 Khorgos,喀什 Kashgar,塔城 Tacheng
"""

_PROVINCIAL_BUREAUS: Final = """
qts-he|河北|Hebei|22|石家庄 Shijiazhuang,唐山 Tangshan,邯郸 Handan,邢台 Xingtai,廊坊 Langfang
qts-ln|辽宁|Liaoning|22|沈阳 Shenyang,大连 Dalian,抚顺 Fushun,本溪 Benxi
qts-jl|吉林|Jilin|16|长春 Changchun,吉林市 Jilin City,四平 Siping
qts-hl|黑龙江|Heilongjiang|18|哈尔滨 Harbin,齐齐哈尔 Qiqihar,大庆 Daqing
qts-js|江苏|Jiangsu|30|南京 Nanjing,徐州 Xuzhou,盐城 Yancheng,淮安 Huaian,泰州 Taizhou
qts-zj|浙江|Zhejiang|28|杭州 Hangzhou,湖州 Huzhou,衢州 Quzhou,丽水 Lishui
qts-ah|安徽|Anhui|18|阜阳 Fuyang,宿州 Suzhou,滁州 Chuzhou
qts-fj|福建|Fujian|18|三明 Sanming,南平 Nanping,龙岩 Longyan
qts-sd|山东|Shandong|32|济南 Jinan,淄博 Zibo,泰安 Taian,济宁 Jining,德州 Dezhou,菏泽 Heze
qts-ha|河南|Henan|26|郑州 Zhengzhou,开封 Kaifeng,新乡 Xinxiang,许昌 Xuchang
qts-hb|湖北|Hubei|20|十堰 Shiyan,孝感 Xiaogan,黄冈 Huanggang
qts-hn|湖南|Hunan|20|长沙 Changsha,湘潭 Xiangtan,邵阳 Shaoyang,永州 Yongzhou
qts-sn|陕西|Shaanxi|18|渭南 Weinan,延安 Yanan,安康 Ankang
"""

# The title is given whole.
_INSTITUTIONS: Final = """
inst-inspection|检验检疫研究院|Institute of Inspection and Quarantine|12|食品所 Food,动植物所 Plants and Animals
inst-metrology|计量研究院|Institute of Metrology|12|长度所 Length,热工所 Heat
inst-standards|标准化研究院|Institute of Standardization|10|资料馆 Library,服务标准所 Service Standards
inst-equipment|特种设备检测院|Institute of Special Equipment|10|锅炉所 Boilers,电梯所 Lifts
inst-information|信息中心|Information Centre|8|数据室 Data,安全室 Security
inst-training|培训中心|Training Centre|8|北京校区 Beijing Campus,秦皇岛校区 Qinhuangdao Campus
"""

_HEAD_OFFICE_DEPARTMENTS: Final = (
    "法规司 Legal Affairs,质量管理司 Quality Management,计量司 Metrology,通关业务司 Clearance,"
    "卫生检疫司 Health Quarantine,"
    "动植物检疫司 Animal and Plant Quarantine,产品质量监督司 Product Supervision,"
    "特种设备司 Special Equipment,人事司 Personnel"
)
